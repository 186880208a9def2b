import { useState } from "react";
import type { KeyboardEvent as KeyPress } from "react";
import { focusField } from "@/lib/focus";
import { toTag } from "@/lib/query";

type Props = {
  field: { id: string; "aria-invalid": boolean; "aria-describedby": string };
  tags: string[];
  known: string[];
  onChange: (tags: string[]) => void;
};

/**
 * Tags, typed with Enter or a comma. Backspace in the empty field removes the last one. What is typed
 * counts at once, but is a chip only after Enter. A chip that came when the field loses the focus would
 * move the button that the user presses.
 */
export function TagField({ field, tags, known, onChange }: Props) {
  const [typing, setTyping] = useState<{ text: string; chips: string[]; tags: string[] }>();
  const { text, chips } = typing?.tags === tags ? typing : { text: "", chips: tags };
  const list = `${field.id}-known`;

  function write(typed: string) {
    const all = [...new Set([...chips, ...typed.split(",").map(toTag)])].filter(Boolean);
    setTyping(typed.includes(",") ? undefined : { text: typed, chips, tags: all });
    onChange(all);
  }

  function onKeyDown(event: KeyPress) {
    if (event.key === "Enter" && text.trim()) {
      if (!event.ctrlKey && !event.metaKey) event.preventDefault(); // which would save the form
      write(`${text},`);
    }
    if (event.key === "Backspace" && !text) onChange(chips.slice(0, -1));
  }

  return (
    <div className="tags">
      {chips.map((tag) => (
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
        placeholder={chips.length === 0 ? "home, errand" : ""}
        autoComplete="off"
        enterKeyHint="done"
        onChange={(event) => write(event.target.value)}
        onKeyDown={onKeyDown}
      />
      <datalist id={list}>
        {known
          .filter((tag) => !chips.includes(tag))
          .map((tag) => (
            <option key={tag} value={tag} />
          ))}
      </datalist>
    </div>
  );
}
