export default function NotFoundPage() {
  return (
    <main className="page narrow">
      <h1>Page not found</h1>
      <p>
        <a href="/">Go to your tasks</a>
      </p>
    </main>
  );
}
