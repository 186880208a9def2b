import Link from "next/link";

export const metadata = { title: "Page not found" };

export default function NotFoundPage() {
  return (
    <main className="page narrow lost">
      <h1>Page not found</h1>
      <p>There is nothing at this address. Your tasks are where you left them.</p>
      <Link href="/" className="primary">
        Go to your tasks
      </Link>
    </main>
  );
}
