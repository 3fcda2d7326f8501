// De la photo à l'entrée du réseau, comme `outils/preparation.py` : la recette de l'énoncé, ou les couleurs au carré.
// Les images sont des { l, h, canaux, pixels } : des octets, ligne par ligne.

export class PhotoRefusee extends Error {}

// --- Avant de décoder : qu'est-ce que c'est, et de quelle taille ? --------------------------------

/** Octets → [largeur, hauteur] lues dans l'en-tête, ou null si ce n'est ni JPEG, ni PNG, ni GIF, ni WebP. */
export function dimensions(octets) {
  const vue = new DataView(octets.buffer, octets.byteOffset, octets.byteLength);
  const texte = (debut, n) => String.fromCharCode(...octets.subarray(debut, debut + n));
  try {
    if (texte(1, 3) === "PNG") return [vue.getUint32(16), vue.getUint32(20)];
    if (texte(0, 4) === "GIF8") return [vue.getUint16(6, true), vue.getUint16(8, true)];
    if (texte(0, 4) === "RIFF" && texte(8, 4) === "WEBP") return dimensionsWebp(vue, texte(12, 4));
    if (vue.getUint16(0) === 0xffd8) return dimensionsJpeg(vue);
  } catch (erreur) {
    if (!(erreur instanceof RangeError)) throw erreur; // un en-tête coupé : pas d'image
  }
  return null;
}

function dimensionsWebp(vue, genre) {
  const trois = (ou) => 1 + (vue.getUint16(ou, true) | (vue.getUint8(ou + 2) << 16));
  if (genre === "VP8X") return [trois(24), trois(27)];
  if (genre === "VP8 ") return [vue.getUint16(26, true) & 0x3fff, vue.getUint16(28, true) & 0x3fff];
  if (genre !== "VP8L") return null;
  const bits = vue.getUint32(21, true);
  return [1 + (bits & 0x3fff), 1 + ((bits >> 14) & 0x3fff)];
}

function dimensionsJpeg(vue) {
  for (let ou = 2; ; ) {
    while (vue.getUint8(ou) !== 0xff) ou++;
    while (vue.getUint8(ou) === 0xff) ou++;
    const marque = vue.getUint8(ou++);
    const debutImage = marque >= 0xc0 && marque <= 0xcf && ![0xc4, 0xc8, 0xcc].includes(marque);
    if (debutImage) return [vue.getUint16(ou + 5), vue.getUint16(ou + 3)];
    if (marque < 0xd0 || marque > 0xd9) ou += vue.getUint16(ou);
  }
}

/** Refuse, avant de les décoder, les octets qui ne font pas une photo raisonnable. */
export function verifier(octets, bornes) {
  const taille = dimensions(octets);
  if (!taille || !taille[0] || !taille[1]) {
    throw new PhotoRefusee("Ce fichier n'est pas une image JPEG, PNG, WebP ou GIF. Exportez-la en JPEG, ou faites-en une capture d'écran.");
  }
  const [l, h] = taille;
  if (l * h > bornes.pixels_max) {
    throw new PhotoRefusee(`Cette image a ${Math.round((l * h) / 1e6)} millions de pixels : ${bornes.pixels_max / 1e6} au plus. Réduisez-la avant de la donner.`);
  }
  if (Math.max(l, h) > bornes.rapport_max * Math.min(l, h)) {
    throw new PhotoRefusee(`Cette image est filiforme (${l} × ${h} pixels). Recadrez-la autour du sujet.`);
  }
  if (Math.min(l, h) < bornes.cote_min) {
    throw new PhotoRefusee(`Cette image est trop petite (${l} × ${h} pixels). Prenez l'image d'origine plutôt qu'une vignette.`);
  }
}

// --- Réduire -------------------------------------------------------------------------------------

const sinc = (x) => (x === 0 ? 1 : Math.sin(Math.PI * x) / (Math.PI * x));
/** Les filtres, par leur définition : [demi-largeur, fonction]. */
const FILTRES = {
  boite: [0.5, (x) => (x > -0.5 && x <= 0.5 ? 1 : 0)],
  lanczos: [3, (x) => (Math.abs(x) < 3 ? sinc(x) * sinc(x / 3) : 0)],
};
const octet = (valeur) => Math.min(255, Math.max(0, Math.floor(valeur + 0.5)));

/** Pour chaque pixel d'arrivée : le premier pixel de départ qui compte, et le poids de chacun (leur somme fait 1). */
function poids(depart, arrivee, filtre) {
  const [demiLargeur, fonction] = FILTRES[filtre];
  const echelle = depart / arrivee;
  const etendue = Math.max(echelle, 1); // en réduisant, le filtre s'élargit d'autant
  return Array.from({ length: arrivee }, (_, i) => {
    const centre = (i + 0.5) * echelle;
    const debut = Math.max(0, Math.trunc(centre - demiLargeur * etendue + 0.5));
    const fin = Math.min(depart, Math.trunc(centre + demiLargeur * etendue + 0.5));
    const valeurs = [];
    for (let x = debut; x < fin; x++) valeurs.push(fonction((x - centre + 0.5) / etendue));
    const somme = valeurs.reduce((a, b) => a + b, 0);
    return [debut, valeurs.map((valeur) => valeur / somme)];
  });
}

function enLargeur({ l, h, canaux, pixels }, largeur, filtre) {
  if (largeur === l) return { l, h, canaux, pixels };
  const sortie = new Uint8Array(largeur * h * canaux);
  poids(l, largeur, filtre).forEach(([debut, valeurs], x) => {
    for (let y = 0; y < h; y++) {
      for (let c = 0; c < canaux; c++) {
        let somme = 0;
        for (let k = 0, ou = (y * l + debut) * canaux + c; k < valeurs.length; k++, ou += canaux) somme += valeurs[k] * pixels[ou];
        sortie[(y * largeur + x) * canaux + c] = octet(somme);
      }
    }
  });
  return { l: largeur, h, canaux, pixels: sortie };
}

function enHauteur({ l, h, canaux, pixels }, hauteur, filtre) {
  if (hauteur === h) return { l, h, canaux, pixels };
  const ligne = l * canaux;
  const sortie = new Uint8Array(ligne * hauteur);
  poids(h, hauteur, filtre).forEach(([debut, valeurs], y) => {
    for (let x = 0; x < ligne; x++) {
      let somme = 0;
      for (let k = 0, ou = debut * ligne + x; k < valeurs.length; k++, ou += ligne) somme += valeurs[k] * pixels[ou];
      sortie[y * ligne + x] = octet(somme);
    }
  });
  return { l, h: hauteur, canaux, pixels: sortie };
}

/** L'image ramenée à l × h : d'abord en largeur, arrondie à l'octet, puis en hauteur. */
export function reduire(image, largeur, hauteur, filtre) {
  return enHauteur(enLargeur(image, largeur, filtre), hauteur, filtre);
}

// --- Lire ----------------------------------------------------------------------------------------

const BANDE = 256; // lignes lues à la fois : les canevas des téléphones ont une taille maximale

/** Image décodée (ImageBitmap) → RVB, posée sur du blanc, de `cote` pixels de côté au plus. */
export function lire(bitmap, cote) {
  const facteur = Math.min(1, cote / Math.max(bitmap.width, bitmap.height));
  const largeur = facteur < 1 ? Math.max(1, arrondi(bitmap.width * facteur)) : bitmap.width;
  const hauteur = facteur < 1 ? Math.max(1, arrondi(bitmap.height * facteur)) : bitmap.height;
  const bandes = new Uint8Array(largeur * bitmap.height * 3);
  const canevas = new OffscreenCanvas(bitmap.width, BANDE);
  const pinceau = canevas.getContext("2d", { willReadFrequently: true });
  for (let haut = 0; haut < bitmap.height; haut += BANDE) {
    const h = Math.min(BANDE, bitmap.height - haut);
    pinceau.fillStyle = "white";
    pinceau.fillRect(0, 0, bitmap.width, BANDE);
    pinceau.drawImage(bitmap, 0, -haut);
    const rvba = pinceau.getImageData(0, 0, bitmap.width, h).data;
    const pixels = new Uint8Array(bitmap.width * h * 3);
    for (let i = 0, j = 0; i < rvba.length; i += 4) {
      pixels[j++] = rvba[i];
      pixels[j++] = rvba[i + 1];
      pixels[j++] = rvba[i + 2];
    }
    const bande = enLargeur({ l: bitmap.width, h, canaux: 3, pixels }, largeur, "boite");
    bandes.set(bande.pixels, largeur * haut * 3);
  }
  return enHauteur({ l: largeur, h: bitmap.height, canaux: 3, pixels: bandes }, hauteur, "boite");
}

/** Arrondi de Python : au plus proche, et à égalité au pair. */
export function arrondi(valeur) {
  const bas = Math.floor(valeur);
  const reste = valeur - bas;
  return reste > 0.5 || (reste === 0.5 && bas % 2 === 1) ? bas + 1 : bas;
}

// --- Préparer ------------------------------------------------------------------------------------

/** RVB → gris, selon la luminance de la norme UIT-R 601. */
export function griser({ l, h, pixels }) {
  const gris = new Uint8Array(l * h);
  for (let i = 0, j = 0; i < gris.length; i++, j += 3) {
    gris[i] = (19595 * pixels[j] + 38470 * pixels[j + 1] + 7471 * pixels[j + 2] + 32768) >> 16;
  }
  return { l, h, canaux: 1, pixels: gris };
}

/** Image grise accentuée : 2 fois le pixel, moins un huitième de ses huit voisins ; le bord ne change pas. */
export function accentuer({ l, h, pixels }) {
  const sortie = Uint8Array.from(pixels);
  for (let y = 1; y < h - 1; y++) {
    for (let x = 1; x < l - 1; x++) {
      let voisins = -pixels[y * l + x];
      for (let dy = -1; dy <= 1; dy++) for (let dx = -1; dx <= 1; dx++) voisins += pixels[(y + dy) * l + x + dx];
      sortie[y * l + x] = octet(2 * pixels[y * l + x] - voisins / 8);
    }
  }
  return { l, h, canaux: 1, pixels: sortie };
}

/** La recette de l'énoncé : plus long côté à 20 pixels, accentué, au centre d'un carré blanc de 28, inversé. */
function recetteDeLEnonce(photo, cote, contenu = 20) {
  const facteur = contenu / Math.max(photo.l, photo.h);
  const l = Math.max(1, arrondi(photo.l * facteur));
  const h = Math.max(1, arrondi(photo.h * facteur));
  const petite = accentuer(reduire(griser(photo), l, h, "lanczos"));
  const gauche = Math.floor((cote - l) / 2);
  const haut = Math.floor((cote - h) / 2);
  const carre = new Uint8Array(cote * cote).fill(255);
  for (let y = 0; y < h; y++) carre.set(petite.pixels.subarray(y * l, (y + 1) * l), (y + haut) * cote + gauche);
  return { l: cote, h: cote, canaux: 1, pixels: carre.map((p) => 255 - p) };
}

/** Photo décodée → ce que voit le réseau : une image de `cote` pixels de côté, grise ou en couleurs. */
export function preparer(bitmap, { cote, canaux, cote_utile }) {
  const photo = lire(bitmap, cote_utile);
  return canaux === 1 ? recetteDeLEnonce(photo, cote) : reduire(photo, cote, cote, "boite");
}

/** Image préparée → Float32Array, de 0 à `maximum`. */
export function enNombres({ pixels }, maximum) {
  return Float32Array.from(pixels, (p) => Math.fround(p / 255) * maximum);
}
