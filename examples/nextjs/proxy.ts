import { NextResponse } from "next/server";
import type { NextRequest } from "next/server";
import { apiUrl, isHttps } from "./lib/settings";

/** Set a policy that allows only the scripts that Next.js itself puts into the page. */
export function proxy(request: NextRequest) {
  const policy = describePolicy(crypto.randomUUID());
  const headers = new Headers(request.headers);
  headers.set("Content-Security-Policy", policy); // Next.js reads the nonce from the request
  const response = NextResponse.next({ request: { headers } });
  response.headers.set("Content-Security-Policy", policy);
  if (isHttps) response.headers.set("Strict-Transport-Security", "max-age=31536000");
  return response;
}

function describePolicy(nonce: string): string {
  const isDevelopment = process.env.NODE_ENV === "development"; // React and the overlay need more
  return [
    "default-src 'self'",
    `script-src 'self' 'nonce-${nonce}'${isDevelopment ? " 'unsafe-eval'" : ""}`,
    `style-src 'self'${isDevelopment ? " 'unsafe-inline'" : ""}`,
    `connect-src 'self' ${new URL(apiUrl).origin}`,
    "object-src 'none'",
    "base-uri 'none'",
    "form-action 'self'",
    "frame-ancestors 'none'",
  ].join("; ");
}

export const config = { matcher: "/((?!_next/static/).*)" };
