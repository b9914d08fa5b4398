/** What begins the ids of grants among stored secrets. */
export const grantPrefix = "mcp-oauth:";

/** The id under which the grant for a server is kept. `href` is the server's URL as `URL` writes it. */
export const grantId = ({ href }: Pick<URL, "href">): string => grantPrefix + href;
