import { PRIORITY_NAMES } from "@/lib/messages";
import type { Priority } from "@/lib/query";

/** Bars and a word. */
export function PriorityName({ priority }: { priority: Priority }) {
  const bars = { low: 1, medium: 2, high: 3 }[priority];
  return (
    <span className="priority" data-priority={priority}>
      <svg viewBox="0 0 14 12" aria-hidden="true">
        {[1, 2, 3].map((bar) => (
          <path key={bar} d={`M${bar * 5 - 4} 12v-${bar * 4}h3v${bar * 4}z`} data-on={bar <= bars} />
        ))}
      </svg>
      <span>
        {PRIORITY_NAMES[priority]}
        <span className="hidden"> priority</span>
      </span>
    </span>
  );
}
