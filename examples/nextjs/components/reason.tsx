import type { Problem } from "@/lib/api";
import { explain, referenceOf } from "@/lib/messages";

/** Why something failed, and an id for the support if nobody expects it. */
export function Reason({ problem }: { problem: Problem }) {
  const reference = referenceOf(problem);
  return (
    <span>
      {explain(problem)}
      {reference && <small className="reference"> Error number: {reference}</small>}
    </span>
  );
}
