import type { HttpHandler } from "./http-exchange.js";
import { pathnameOf } from "./http-exchange.js";
import { replyRefusal } from "./reply.js";

const maxShown = 200;

/** Answers 404 and tells the path. */
export const notFoundHandler: HttpHandler = (request, response) => {
  const shown = JSON.stringify(pathnameOf(request).slice(0, maxShown));
  replyRefusal(request, response, {
    status: 404,
    reason: "not_found",
    message: `there is nothing at ${shown}`,
  });
};
