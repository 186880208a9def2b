"use client";

export default function ErrorPage() {
  return (
    <main className="page narrow">
      <h1>Something is amiss</h1>
      <p>This page could not be made. Your tasks are safe; it may work in a moment.</p>
      <button type="button" className="primary" onClick={() => window.location.reload()}>
        Try again
      </button>
    </main>
  );
}
