// Node.js: a request in each version, to each port. Arguments: an address and ports; a line for each handshake.
import https from "node:https";

const shapes = {
  "1.0": { minVersion: "TLSv1", maxVersion: "TLSv1", ciphers: "DEFAULT@SECLEVEL=0" },
  "1.1": { minVersion: "TLSv1.1", maxVersion: "TLSv1.1", ciphers: "DEFAULT@SECLEVEL=0" },
  "1.2": { minVersion: "TLSv1.2", maxVersion: "TLSv1.2" },
  "1.3": { minVersion: "TLSv1.3" },
  default: {},
};

function ask(host, port, options) {
  return new Promise((resolve) => {
    const request = https.get({ host, port, path: "/", rejectUnauthorized: false, agent: false, ...options }, (answer) => {
      answer.resume();
      answer.on("end", () => resolve(answer.statusCode === 200 ? "ok" : `status ${answer.statusCode}`));
    });
    request.setTimeout(10000, () => request.destroy(new Error("timeout")));
    request.on("error", (error) => resolve(String(error)));
  });
}

const [host, ...ports] = process.argv.slice(2);
for (const port of ports) {
  for (const [shape, options] of Object.entries(shapes)) {
    console.log(port, shape, await ask(host, Number(port), options));
  }
}
