// Serves a page that ClickStack's SDK for browsers watches: its session recorder, its spans and its console.
//
// Comes in: the port to listen on, an endpoint, an ingestion key, a service, a run. Goes out: the page, with the SDK as
// its package ships it. Must not send anything itself: what reaches the collector comes from the browser.

const fs = require('node:fs');
const http = require('node:http');

const [port, url, apiKey, service, run] = process.argv.slice(2);
const sdk = fs.readFileSync(require.resolve('@hyperdx/browser'));
const settings = { url, apiKey, service, consoleCapture: true, disableReplay: false, maskAllInputs: false, maskAllText: false };
const page = `<!doctype html>
<title>shop</title>
<p id="order">nothing yet</p>
<script src="/sdk.js"></script>
<script>
  const sdk = window.HyperDX.default ?? window.HyperDX;
  sdk.init(${JSON.stringify(settings)});
  sdk.setGlobalAttributes({ 'run.id': ${JSON.stringify(run)} });
  sdk.addAction('ordered', { 'row.id': '7' });
  console.log('row 7 of ${run}');
  document.getElementById('order').textContent = 'ordered';
</script>`;

http
  .createServer((request, answer) => {
    const [type, body] = request.url === '/sdk.js' ? ['text/javascript', sdk] : ['text/html', page];
    answer.writeHead(200, { 'content-type': type });
    answer.end(body);
  })
  .listen(Number(port), '127.0.0.1');
