"use client";

import { useSearchParams } from "next/navigation";
import { useRef } from "react";
import { formatDate, useToday } from "@/lib/due";
import { leaveControl, useFocusInList } from "@/lib/focus";
import { NOTHING } from "@/lib/messages";
import { TRASH, toUrl } from "@/lib/query";
import type { User } from "@/lib/session";
import { useTasks } from "@/lib/use-tasks";
import { EmptyTrash } from "./empty-trash";
import { Frame } from "./frame";
import { ListEnd } from "./list-end";
import { Refusal } from "./refusal";

export function Trash({ apiUrl, user }: { apiUrl: string; user: User }) {
  const { store, state, rows, isLoaded, others } = useTasks(apiUrl, user.id, TRASH);
  const list = useRef<HTMLUListElement>(null);
  const question = useRef<HTMLDialogElement>(null);
  const search = useSearchParams().toString(); // of the list that the user left
  const today = useToday();
  useFocusInList(list);

  function undo() {
    leaveControl(list.current);
    void store.undo(state.notice?.undo);
  }

  return (
    <Frame user={user} link={[toUrl("/", search), "Tasks"]} title="Trash" store={store} state={state} onUndo={undo}>
      {rows.length > 0 && (
        <div className="tools">
          <p className="lead">Restore a task to put it back in its old place, just as it was.</p>
          <div>
            <button
              type="button"
              className="quiet danger"
              onClick={() => question.current?.showModal()}
            >
              Empty trash
            </button>
          </div>
        </div>
      )}
      {others.filter(({ kind }) => kind === "restore" || kind === "empty").map((operation) => (
        <Refusal key={operation.key} operation={operation} store={store} wide />
      ))}
      <ul
        ref={list}
        className="list"
        tabIndex={-1}
        aria-label="Deleted tasks"
        aria-busy={!isLoaded && !state.problem}
      >
        {rows
          .filter(({ task }) => task.deleted_at)
          .map(({ key, task }) => (
            <li key={key} className="row" data-key={key}>
              <div className="text" dir="auto">
                <p className="title">{task.title}</p>
                <p className="details">
                  <span dir="ltr">Deleted {formatDate(task.deleted_at ?? today, today)}</span>
                </p>
              </div>
              <button
                type="button"
                className="quiet"
                data-control="restore"
                aria-label={`Restore ${task.title}`}
                onClick={() => void store.run({ kind: "restore", tasks: [task] })}
              >
                Restore
              </button>
            </li>
          ))}
      </ul>
      <ListEnd {...{ list, store, state, rows, isLoaded }} failure="The trash could not be loaded.">
        <p>{NOTHING.deleted}</p>
        <p className="lead">Tasks that you delete wait here, and you can restore them.</p>
      </ListEnd>
      <EmptyTrash
        ref={question}
        onConfirm={() => void store.run({ kind: "empty", tasks: rows.map(({ task }) => task) })}
      />
    </Frame>
  );
}
