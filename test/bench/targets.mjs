// What the measurements are held to, and the table that says so.

/** Ratios to the plainest server: the names of ratio.mjs. */
const ratios = [
  { server: "agentry-sse", key: "c_p50_ms", what: "SSE: latency added per delta, p50, ms", most: 1.3 },
  { server: "agentry-sse", key: "d_per_s", what: "SSE: deltas per second", least: 0.4 },
  { server: "agentry-connect", key: "d_per_s", what: "Connect: deltas per second", least: 0.2 },
  { server: "agentry-sse", key: "g_turn_ms", what: "SSE: turn of 10 deltas, ms", most: 2.5 },
  { server: "agentry-sse", key: "f_get_rps", what: "REST: get one session, requests per second", least: 0.4 },
  { server: "agentry-connect", key: "c_p50_ms", what: "Connect: latency added per delta, p50, ms" },
  { server: "agentry-connect", key: "g_turn_ms", what: "Connect: turn of 10 deltas, ms" },
  {
    server: "agentry-connect",
    key: "f_own_client_rps",
    what: "Connect: get one session, requests per second",
  },
  { server: "agentry-sse", key: "e20_wall_ms", what: "SSE: 20 streams of 100 deltas, ms" },
];

const digits = (value) => (value >= 100 ? Math.round(value) : Number(value.toPrecision(3)));

function judged({ what, value, unit = "", beside = "", most, least }) {
  const target = most !== undefined ? `≤ ${most}${unit}` : least !== undefined ? `≥ ${least}${unit}` : "";
  const met =
    target === "" ? undefined : value <= (most ?? Number.POSITIVE_INFINITY) && value >= (least ?? 0);
  return { what, measured: `${digits(value)}${unit}`, beside, target, met };
}

/** Rows for the ratios. `measured` is a list of servers, the plainest first, as ratio.mjs writes it. */
export function comparisons(measured) {
  const [floor] = measured;
  return ratios.map(({ server, key, ...target }) => {
    const value = measured.find((row) => row.name === server)?.[key];
    const base = floor?.[key] ?? floor?.f_get_rps;
    if (value === undefined || base === undefined) return missing(target);
    return judged({
      ...target,
      value: value / base,
      unit: "×",
      beside: `${digits(value)} : ${digits(base)}`,
    });
  });
}

/** Rows for the figures of one server, as client.mjs writes them. */
export function figures(result) {
  const ideal = 2000;
  const streams = result.e_100_streams;
  return [
    {
      what: "100 streams of 200 deltas, 10 ms apart, to the ideal",
      value: streams?.wall_ms / ideal,
      unit: "×",
      most: 1.05,
      beside: `${streams?.wall_ms} : ${ideal} ms`,
    },
    { what: "start to the first answer", value: result.a_cold_ms?.median, unit: " ms", most: 300 },
    { what: "memory when idle", value: result.b_rss_idle, unit: " MiB", most: 90 },
    { what: "memory after 2 turns", value: result.b_rss_warm, unit: " MiB" },
    {
      what: "100 streams: deltas lost",
      value: streams?.deltas ? 20_000 - Math.min(...streams.deltas) : undefined,
      most: 0,
    },
  ].map((row) => (Number.isFinite(row.value) ? judged(row) : missing(row)));
}

/** Rows for a session that grows, as long-session.mjs writes them. */
export function longSession({ turns, early, late, lost, requestBytes }) {
  const beside = `${digits(late)} : ${digits(early)} ms, model request of ${Math.round(requestBytes / 1024)} KiB`;
  return [
    judged({ what: `turn ${turns - 10} to turn 10 of one session`, value: late / early, unit: "×", beside }),
    judged({ what: `${turns} turns: deltas lost`, value: lost, most: 0 }),
  ];
}

/** Rows for the sandbox of the tools, as tools.mjs writes them. */
export function tools({ starts: { bare, ...others }, waits }) {
  const what = {
    least: "bubblewrap with the least that confines, to a bare spawn",
    sandboxed: "a sandboxed program, to a bare spawn",
    bash: "the bash tool, to a bare spawn",
  };
  return [
    ...Object.entries(others).map(([name, ms]) =>
      judged({
        what: what[name],
        value: ms / bare,
        unit: "×",
        beside: `${digits(ms)} : ${digits(bare)} ms`,
        ...(name === "sandboxed" && { most: 4 }),
      }),
    ),
    ...Object.entries(waits).map(([name, { p50, p99 }]) =>
      judged({
        what: `a request beside ${name}, p99`,
        value: p99,
        unit: " ms",
        most: 250,
        beside: `p50 ${digits(p50)} ms`,
      }),
    ),
  ];
}

/** A measurement that failed has missed its target. */
const missing = ({ what, most, least }) => ({
  what,
  measured: "none",
  beside: "",
  target: most !== undefined ? `≤ ${most}` : least !== undefined ? `≥ ${least}` : "",
  met: false,
});

/** One table, for people. */
export function render(rows) {
  const verdict = ({ met }) => (met === undefined ? "" : met ? "met" : "MISSED");
  const cells = [
    ["measurement", "measured", "from", "target", ""],
    ...rows.map((row) => [row.what, row.measured, row.beside, row.target, verdict(row)]),
  ];
  const widths = cells[0].map((_, column) => Math.max(...cells.map((row) => row[column].length)));
  const line = (row) => `| ${row.map((cell, column) => cell.padEnd(widths[column])).join(" | ")} |`;
  const rule = `|${widths.map((width) => "-".repeat(width + 2)).join("|")}|`;
  return [line(cells[0]), rule, ...cells.slice(1).map(line)].join("\n");
}
