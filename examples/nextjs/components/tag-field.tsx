import { useEffect, useEffectEvent, useState } from "react";
import type { KeyboardEvent as KeyPress } from "react";
import { flushSync } from "react-dom";
import { focusField } from "@/lib/focus";
import { toTag } from "@/lib/query";

type Props = {
  field: { id: string; "aria-invalid": boolean; "aria-describedby": string };
  tags: string[];
  known: string[];
  onChange: (tags: string[]) => void;
};

/** Tags, typed with Enter or a comma. Backspace in the empty field removes the last one. */
export function TagField({ field, tags, known, onChange }: Props) {
  const [text, setText] = useState("");
  const list = `${field.id}-known`;

  function add(typed: string) {
    const added = typed.split(",").map(toTag);
    onChange([...new Set([...tags, ...added.filter(Boolean)])]);
    setText("");
  }

  const keep = useEffectEvent(() => text.trim() && flushSync(() => add(text)));
  useEffect(() => {
    window.addEventListener("pagehide", keep); // a reload does not blur the field
    return () => window.removeEventListener("pagehide", keep);
  }, []);

  function onKeyDown(event: KeyPress) {
    if (event.key === "Enter" && text.trim()) {
      if (!event.ctrlKey && !event.metaKey) event.preventDefault(); // which would save the form
      flushSync(() => add(text)); // before the form saves
    }
    if (event.key === "Backspace" && !text) onChange(tags.slice(0, -1));
  }

  return (
    <div className="tags">
      {tags.map((tag) => (
        <button
          key={tag}
          type="button"
          className="tag"
          dir="auto"
          aria-label={`Remove the tag ${tag}`}
          onClick={(event) => {
            focusField(event.currentTarget.parentElement); // the button disappears
            onChange(tags.filter((each) => each !== tag));
          }}
        >
          #{tag} <span aria-hidden="true">×</span>
        </button>
      ))}
      <input
        {...field}
        dir="auto"
        list={list}
        value={text}
        placeholder={tags.length === 0 ? "home, errand" : ""}
        autoComplete="off"
        enterKeyHint="done"
        onChange={({ target: { value } }) => (value.includes(",") ? add(value) : setText(value))}
        onKeyDown={onKeyDown}
        onBlur={() => text.trim() && add(text)}
      />
      <datalist id={list}>
        {known
          .filter((tag) => !tags.includes(tag))
          .map((tag) => (
            <option key={tag} value={tag} />
          ))}
      </datalist>
    </div>
  );
}
