// How the page lets cells fly: reads [origin, end, among] each, `told` being a list there, and writes what each bow is.
import { readFileSync } from "node:fs";
import { swerve } from "../../web/src/swerve.js";

const told = JSON.parse(readFileSync(0, "utf8")).map(
  ([origin, end, among]) => swerve(origin, end, { ...among, told: (i) => among.told[i] }) ?? null,
);
process.stdout.write(JSON.stringify(told));
