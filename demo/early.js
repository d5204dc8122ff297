// What the page shows before Python has started: small copies of the pictures that were in view last time.
//
// They are kept in the local storage, since that is there at once, and made from what the page shows: a picture that is
// deleted leaves it within a second.

const MOST = 12;
const WIDTH = 240; // pixels: sharp enough to be known again
const WAIT = 800; // milliseconds without a change of the cards

const storeId = new URLSearchParams(location.search).get('storeId') || 'gallery';
const KEY = `filesync-gallery:early:${storeId}`;

/** Put what is kept in the place of the skeletons. */
function show() {
  const skeletons = [...document.querySelectorAll('.skeleton')];
  const first = skeletons.at(0);
  for (const { name, source } of read()) {
    const skeleton = skeletons.shift() ?? first.parentNode.appendChild(first.cloneNode());
    const image = new Image();
    image.src = source;
    image.alt = '';
    const caption = document.createElement('p');
    caption.textContent = name;
    skeleton.replaceChildren(image, caption);
    skeleton.classList.add('early');
  }
}

function read() {
  try {
    return JSON.parse(localStorage.getItem(KEY)) ?? [];
  } catch {
    return []; // there is no local storage, or another version's
  }
}

/** From now on, keep what the cards show. */
function follow() {
  const cards = document.getElementById('cards');
  let timer = 0;
  const changed = () => {
    clearTimeout(timer);
    timer = setTimeout(remember, WAIT);
  };
  new MutationObserver(changed).observe(cards, { childList: true });
  for (const event of ['load', 'error']) cards.addEventListener(event, changed, true); // of its images
}

async function remember() {
  const isScrolled = document.querySelector('#cards .card') && !document.querySelector('#cards [aria-posinset="1"]');
  if (isScrolled) return; // the page opens at the list's beginning, and those cards are not there now
  const images = [...document.querySelectorAll('#cards .card img')].filter(isFirstInTheList).slice(0, MOST);
  const copies = await Promise.all(images.map(copyOf));
  const kept = copies.filter((copy) => copy?.image.isConnected).map(({ name, source }) => ({ name, source }));
  try {
    localStorage.setItem(KEY, JSON.stringify(kept));
  } catch (error) {
    console.info(`The pictures will not be shown early: ${error.message}`);
  }
}

const isFirstInTheList = (image) => image.complete && Number(image.closest('.card').ariaPosInSet) <= MOST;

/** A small copy of a picture on a card; null where the browser lets nobody have one. */
async function copyOf(image) {
  try {
    const scale = Math.min(1, WIDTH / image.naturalWidth);
    const size = [image.naturalWidth, image.naturalHeight].map((pixels) => Math.max(1, Math.round(pixels * scale)));
    const canvas = new OffscreenCanvas(...size);
    canvas.getContext('2d').drawImage(image, 0, 0, ...size);
    const source = await dataUrl(await canvas.convertToBlob({ type: 'image/webp', quality: 0.6 }));
    const name = image.closest('.card').querySelector('[data-part="base"]').textContent;
    return { image, name, source };
  } catch {
    return null;
  }
}

function dataUrl(blob) {
  return new Promise((resolve, reject) => {
    const reader = new FileReader();
    reader.onload = () => { resolve(reader.result); };
    reader.onerror = () => { reject(reader.error); };
    reader.readAsDataURL(blob);
  });
}

show();
follow();
