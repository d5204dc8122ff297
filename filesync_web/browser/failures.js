// Errors that cross from a worker to Python: `type` is the name of a class in errors.py.

class Failure extends Error {
  constructor(type, message, details = {}) {
    super(message);
    Object.assign(this, { type, ...details });
  }
}

// The words of whatever was thrown: browsers and streams throw more than errors.
const wordsOf = (error) => `${error?.name ?? "Error"}: ${error?.message ?? error}`;

// Whatever was thrown as a plain object.
function describeError(error) {
  if (error instanceof Failure) return { ...error, message: error.message };
  const said = wordsOf(error);
  switch (error?.name) {
    case "AbortError":
      return { type: "Cancelled", message: said };
    case "QuotaExceededError":
      return { type: "QuotaExceededError", message: `this device has no room for the bytes (${said})` };
    case "VersionError":
      return { type: "OutdatedError", message: `what this browser keeps is of a newer version of filesync-web than this page: reload it (${said})` };
    case "BlockedError":
      return { type: "StorageError", message: `close or reload the other tabs of this site, then reload this one: ${error.message}` };
    case "SecurityError":
      return { type: "StorageUnavailableError", message: `the browser does not let this page store files (${said})` };
    default:
      return { type: "StorageError", message: said };
  }
}
