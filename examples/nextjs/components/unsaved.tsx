type Props = { isGone: boolean; onSave: () => void; onDiscard: () => void };

/** What to do with a text that the user typed into a form that is closed. */
export function Unsaved({ isGone, onSave, onDiscard }: Props) {
  return (
    <div className={isGone ? "refusal" : "refusal unsaved"} dir="ltr">
      <p className="problem">{isGone ? "This task was deleted elsewhere." : "Unsaved changes."}</p>
      <div>
        <button type="button" onClick={onSave}>
          {isGone ? "Restore and save" : "Save"}
        </button>
        <button type="button" onClick={onDiscard}>
          Discard
        </button>
      </div>
    </div>
  );
}
