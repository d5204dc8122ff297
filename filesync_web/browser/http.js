// needs: progress.js
//
// HTTP for the page: small requests by fetch, uploads by XMLHttpRequest, which alone reports upload progress.
//
// Both give a job: {done, abort()}, where `done` resolves with {value: {status, headers, body}} or {error}.
/* exported request, upload */

const failed = (type, message) => ({ error: { type, message } });

// A worker made of a Blob URL has no base that a relative URL could be resolved against.
const absolute = (url) => new URL(url, location.protocol === "blob:" ? location.origin : location.href).href;

// The query of a signed URL is a secret: it is shown to nobody.
const shown = (url) => url.split("?", 1)[0];

function request(method, url, headers, body, credentials, timeout) {
  const controller = new AbortController();
  let timedOut = false;
  const timer = setTimeout(() => {
    timedOut = true;
    controller.abort();
  }, timeout * 1000);
  const exchange = async () => {
    const init = { method, headers: JSON.parse(headers), body, credentials, cache: "no-store", signal: controller.signal };
    const response = await fetch(absolute(url), init);
    const answer = new Uint8Array(await response.arrayBuffer());
    return { value: { status: response.status, headers: JSON.stringify(Object.fromEntries(response.headers)), body: answer } };
  };
  const fail = (error) =>
    timedOut
      ? failed("NetworkError", `${method} ${shown(url)}: no answer within ${timeout} seconds`)
      : failed("NetworkError", `${method} ${shown(url)}: no answer (${error.message})`);
  return { done: exchange().catch(fail).finally(() => clearTimeout(timer)), abort: () => controller.abort() };
}

function upload(method, url, headers, blob, start, end, withCredentials, stallTimeout, onProgress) {
  const xhr = new XMLHttpRequest();
  const body = start === 0 && end === blob.size ? blob : blob.slice(start, end);
  const done = new Promise((resolve) => {
    let timer;
    const progress = throttled((sent, total) => onProgress?.(sent, total));
    const finish = (answer) => {
      clearTimeout(timer);
      progress.flush();
      onProgress = null; // it may be gone after this
      resolve(answer);
    };
    const touch = () => {
      clearTimeout(timer);
      timer = setTimeout(() => {
        finish(failed("StallError", `${method} ${shown(url)}: nothing moved for ${stallTimeout} seconds`));
        xhr.abort();
      }, stallTimeout * 1000);
    };
    xhr.upload.onprogress = ({ loaded, total }) => {
      touch();
      progress.report(loaded, total);
    };
    xhr.upload.onload = xhr.onprogress = touch;
    xhr.onload = () => finish({ value: { status: xhr.status, headers: responseHeaders(xhr), body: new Uint8Array(xhr.response) } });
    xhr.onerror = () => finish(failed("NetworkError", `${method} ${shown(url)}: the connection failed, or the server allows no such request from this page`));
    xhr.onabort = () => finish(failed("NetworkError", `${method} ${shown(url)}: aborted`));
    try {
      xhr.open(method, absolute(url));
      xhr.responseType = "arraybuffer";
      xhr.withCredentials = withCredentials;
      for (const [name, value] of Object.entries(JSON.parse(headers))) xhr.setRequestHeader(name, value);
      touch();
      xhr.send(body);
    } catch (error) {
      finish(failed("InvalidArgumentError", `${method} ${shown(url)}: ${error.message}`));
    }
  });
  return { done, abort: () => xhr.abort() };
}

function responseHeaders(xhr) {
  const lines = xhr.getAllResponseHeaders().trim().split(/\r?\n/).filter(Boolean);
  return JSON.stringify(Object.fromEntries(lines.map((line) => {
    const colon = line.indexOf(":");
    return [line.slice(0, colon).toLowerCase(), line.slice(colon + 1).trim()];
  })));
}
