// needs: failures.js progress.js
//
// The worker's end of worker.py: `serve({name: operation})` runs `operation(job, args)` for each job that Python starts.
//
// Messages in:  {id, op, args}          start a job
//               {id, chunk}             the next bytes for a job that reads them by `job.received()`
//               {id, end: true}         there are no more
//               {id, abort: true}       stop: the operation looks at `job.signal`
// Messages out: {ready: true}           the script runs
//               {id, taken: chunk}      the bytes are used, the next may come, in the same buffer
//               {id, progress: [done, total]}
//               {id, value} or {id, error: JSON of {type, message, ...}}   the end of the job, with the last progress

class Job {
  #controller = new AbortController();
  #chunks = []; // that have come; null stands for the end
  #wake = () => {};

  constructor(id) {
    this.id = id;
    this.signal = this.#controller.signal;
    this.progress = throttled((done, total) => postMessage({ id, progress: [done, total] }));
  }

  /** The bytes that Python gives, one array after the other; at most one waits here. */
  async *received() {
    for (;;) {
      const chunk = await this.#next();
      if (chunk === null) return;
      yield chunk;
      postMessage({ id: this.id, taken: chunk }, [chunk.buffer]);
    }
  }

  async #next() {
    while (this.#chunks.length === 0) {
      this.signal.throwIfAborted();
      await new Promise((resolve) => (this.#wake = resolve));
    }
    return this.#chunks.shift();
  }

  /** Takes a message of Python to a job that runs. */
  receive({ chunk, end, abort }) {
    if (abort) this.#controller.abort();
    else this.#chunks.push(end ? null : chunk);
    this.#wake();
  }
}

function serve(operations) {
  const jobs = new Map();

  const run = async (job, op, args) => {
    const answer = { id: job.id };
    try {
      answer.value = await operations[op](job, args);
    } catch (error) {
      answer.error = JSON.stringify(describeError(error));
    }
    jobs.delete(job.id);
    const progress = job.progress.take();
    if (progress) answer.progress = progress;
    postMessage(answer, answer.value instanceof ArrayBuffer ? [answer.value] : []);
  };

  onmessage = ({ data }) => {
    if (data.op) {
      const job = new Job(data.id);
      jobs.set(data.id, job);
      run(job, data.op, data.args);
    } else {
      jobs.get(data.id)?.receive(data); // it may have ended in the meantime
    }
  };
  postMessage({ ready: true });
}
