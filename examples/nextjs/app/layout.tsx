import type { Metadata, Viewport } from "next";
import { connection } from "next/server";
import type { ReactNode } from "react";
import "./globals.css";

export const metadata: Metadata = { title: "Tasks", description: "Your task list." };

export const viewport: Viewport = {
  interactiveWidget: "resizes-content", // what is at the bottom stays above a phone's keyboard
  themeColor: [
    { media: "(prefers-color-scheme: light)", color: "#f7f5f0" },
    { media: "(prefers-color-scheme: dark)", color: "#171614" },
  ],
};

export default async function Layout({ children }: { children: ReactNode }) {
  await connection(); // A page rendered at build time has no nonce, so its scripts would not run.
  return (
    <html lang="en">
      <body>{children}</body>
    </html>
  );
}
