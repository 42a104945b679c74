// What the page reads of a packed value, as JSON: unpacked.mjs PACKED.
import { readFileSync } from "node:fs";
import { unpack } from "../../web/src/pack.js";

const value = await unpack(readFileSync(process.argv[2]).toString("base64"));
process.stdout.write(JSON.stringify(value, (_, each) => (ArrayBuffer.isView(each) ? [...each] : each)));
