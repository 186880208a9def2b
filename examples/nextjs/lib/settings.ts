/** What the app reads from its environment when it starts, so that one build serves every stage. */

export const apiUrl = process.env.API_URL ?? "http://localhost:8000";

/** Whether the browser opens this app over https, be it by way of a proxy. */
export const isHttps = process.env.BETTER_AUTH_URL?.startsWith("https:") ?? false;
