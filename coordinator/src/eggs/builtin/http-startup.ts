/**
 * Serves one page with BusyBox from an image that holds nothing but a static BusyBox. The shell stays the first process
 * and passes the stop on: as process 1 the server itself would never see a signal that it has no handler for.
 */
export function busyboxServer(writePage: string): string {
  const steps = [
    "set -e",
    "/bin/busybox mkdir -p /tmp/www",
    `${writePage} > /tmp/www/index.html`,
    '/bin/busybox echo "listening on port $PORT_HTTP"',
    '/bin/busybox httpd -f -p "$PORT_HTTP" -h /tmp/www & trap "kill $!; exit 0" TERM INT',
    "wait $!",
  ];
  return steps.join("; ");
}

/** Serves one page with the node's own Node.js; `page` is an expression over `e`, the environment. */
export function nodeServer(page: string, contentType: string): string {
  const script = [
    "const e=process.env",
    `const page=${page}`,
    `const type={"content-type":"${contentType}"}`,
    'require("node:http").createServer((q,r)=>r.writeHead(200,type).end(q.method==="HEAD"?"":page)).listen(Number(e.PORT_HTTP),e.LORMAS_ADDRESS,()=>console.log("listening on "+e.LORMAS_ADDRESS+":"+e.PORT_HTTP))',
    'for(const s of ["SIGTERM","SIGINT"])process.on(s,()=>process.exit(0))',
  ].join(";");
  return `exec "$LORMAS_NODE_BIN" --max-old-space-size=64 --eval '${script}'`;
}
