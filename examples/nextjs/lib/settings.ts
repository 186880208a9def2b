/** Settings that the app reads at startup, so that one build works in every environment. */

export const apiUrl = process.env.API_URL ?? "http://localhost:8000";

/** Whether the browser opens this app over https, directly or through a proxy. */
export const isHttps = process.env.BETTER_AUTH_URL?.startsWith("https:") ?? false;
