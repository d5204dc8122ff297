// Loads PyScript, and prepares it before it runs anything.

import { hooks } from './pyscript/core.js';
import { fail } from './loading.js';

// PyScript makes a function of this hook's text, for its workers, which a Content-Security-Policy may forbid. There are none.
hooks.worker.onBeforeRunAsync.clear();

// An error in Python before the gallery is shown: PyScript tells it on stderr, and nowhere else.
hooks.main.onReady.add((python) => {
  const { stderr } = python.io;
  python.io.stderr = (error, ...more) => {
    fail(lastLine(error?.message ?? error));
    return stderr(error, ...more);
  };
});

const lastLine = (text) => String(text).trim().split('\n').at(-1);
