// The page's own storyboards, packed as states are told: reads [setting, values, look] each.
import { readFileSync } from "node:fs";
import { compose } from "../../web/src/compose.js";

const told = JSON.parse(readFileSync(0, "utf8")).map(([setting, values, look]) => compose(setting, values, look).board);
const plain = (_, each) => (ArrayBuffer.isView(each) ? [...each] : each);
process.stdout.write(JSON.stringify(told, plain));
