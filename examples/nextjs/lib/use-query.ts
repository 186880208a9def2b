import { useSearchParams } from "next/navigation";
import { useEffect, useLayoutEffect, useMemo, useRef, useState } from "react";
import { formatQuery, parseQuery, toUrl } from "./query";
import type { Query } from "./query";
import { TYPING_MS } from "./store";

/**
 * Keep the query in the URL, so that reload, back and a shared link show the same list. A URL without
 * a query gets the sort order that the user chose last.
 */
export function useQuery(userId: string) {
  const slot = `sort:${userId}`;
  const url = useSearchParams().toString();
  const [typed, setTyped] = useState<string>(); // the search, ahead of the URL
  const timer = useRef<ReturnType<typeof setTimeout>>(undefined);
  const fromUrl = parseQuery(url);
  const text = formatQuery({ ...fromUrl, q: typed ?? fromUrl.q });
  const query = useMemo(() => parseQuery(text), [text]);

  useEffect(() => {
    const forget = () => setTyped(undefined);
    window.addEventListener("popstate", forget);
    return () => {
      window.removeEventListener("popstate", forget);
      clearTimeout(timer.current);
    };
  }, []);

  useLayoutEffect(() => {
    const sort = localStorage.getItem(slot);
    if (!sort || window.location.search) return;
    const remembered = formatQuery(parseQuery(`sort=${sort}`));
    window.history.replaceState(null, "", toUrl("/", remembered));
  }, [slot]);

  /** Search for a text that may not be complete. It replaces the last one in the history. */
  function search(q: string): void {
    setTyped(q);
    clearTimeout(timer.current);
    timer.current = setTimeout(() => {
      const searched = formatQuery({ ...parseQuery(window.location.search), q });
      window.history.replaceState(null, "", toUrl("/", searched));
    }, TYPING_MS);
  }

  /** Show another list, as a new entry of the history. */
  function change(next: Query): void {
    setTyped(next.q);
    clearTimeout(timer.current);
    if (next.sort !== query.sort) localStorage.setItem(slot, next.sort);
    window.history.pushState(null, "", toUrl("/", formatQuery(next)));
  }

  return { query, search, change };
}
