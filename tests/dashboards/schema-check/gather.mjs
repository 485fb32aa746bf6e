// Writes checked.ts: each dashboard of deploy/grafana as a literal, because types of an imported JSON file are widened
// and would fit hardly anything. `satisfies` then tells what Grafana's own schema does not know.
import { readdirSync, readFileSync, writeFileSync } from "node:fs";

const directory = process.argv[2] ?? new URL("../../../deploy/grafana/dashboards/", import.meta.url).pathname;
const files = readdirSync(directory).filter((name) => name.endsWith(".json")).sort();
if (files.length === 0) {
  throw new Error(`${directory}: found no dashboard; allowed: files *.json; run lamplighter dashboards --out`);
}
const lines = [
  'import type { Dashboard, Panel, RowPanel } from "@grafana/schema";',
  // In JSON a member of an enumeration is its text.
  "type Written<T> = T extends string ? `${T}` : T extends object ? { [Key in keyof T]: Written<T[Key]> } : T;",
];
for (const [place, name] of files.entries()) {
  const { panels, ...rest } = JSON.parse(readFileSync(directory + "/" + name, "utf-8"));
  lines.push(`// ${name}`);
  lines.push(`export const whole${place} = ${JSON.stringify(rest)} satisfies Partial<Written<Dashboard>>;`);
  for (const panel of panels) {
    const type = panel.type === "row" ? "RowPanel" : "Panel";
    lines.push(`export const panel${place}_${panel.id} = ${JSON.stringify(panel)} satisfies Written<${type}>;`);
  }
}
writeFileSync(new URL("checked.ts", import.meta.url), lines.join("\n") + "\n");
console.log(`${files.length} dashboards`);
