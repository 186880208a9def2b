/** A sentence with a quoted title. A title in Arabic or Hebrew does not reorder the sentence. */
export function Sentence({ text }: { text: string }) {
  const [, before, title, after] = /^([^“]*“)(.*)(”[^”]*)$/s.exec(text) ?? [];
  if (title === undefined) return text;
  return (
    <>
      {before}
      <bdi>{title}</bdi>
      {after}
    </>
  );
}
