"use client";

export default function ErrorPage() {
  return (
    <main className="page narrow lost">
      <h1>Something went wrong.</h1>
      <p>This page could not be loaded. Your tasks are safe. Try again in a moment.</p>
      <button type="button" className="primary" onClick={() => window.location.reload()}>
        Try again
      </button>
    </main>
  );
}
