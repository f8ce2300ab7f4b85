// npm start: plain JavaScript for the system's Node. This file says clearly when that Node is too old, so it uses
// nothing that an old one does not know; scripts/bootstrap/ does the work.
const nodeMajorMin = 20;

const major = Number(process.versions.node.split(".")[0]);
if (major < nodeMajorMin) {
  console.error(
    `lormas: Node ${nodeMajorMin} or newer is needed to install; this is Node ${process.versions.node} (${process.execPath})`,
  );
  console.error("  next: install a newer Node, see https://nodejs.org, then run npm start again");
  process.exitCode = 1;
} else {
  import("./bootstrap/start-fleet.mjs")
    .then((bootstrap) => bootstrap.startFleet(process.argv.slice(2)))
    .then((code) => {
      process.exitCode = code;
    })
    .catch((error) => {
      console.error(`lormas: ${error.message}`);
      process.exitCode = 1;
    });
}
