// La page : choisir une photo, la préparer, interroger le réseau, dire la réponse. Rien n'est envoyé nulle part.

import { loadAndCompile, loadLiteRt, supportsFeature, Tensor } from "./litert/index.js";
import { enNombres, PhotoRefusee, preparer, verifier } from "./preparation.js";

const $ = (id) => document.getElementById(id);
const reglages = await (await fetch("reglages.json")).json();
const pourcent = (p) => `${(100 * p).toFixed(1).replace(".", ",")} %`;

// --- Le réseau -----------------------------------------------------------------------------------

/** Charge le moteur, puis le réseau ; rend la fonction qui prédit. */
async function charger() {
  const variante = (await supportsFeature("relaxedSimd")) ? "litert_wasm_internal" : "litert_wasm_compat_internal";
  // Le moteur est publié compressé : la plupart des serveurs ne le feraient pas, et il fait 9 Mo.
  const reponse = await fetch(`litert/${variante}.wasm.compresse`);
  const flux = reponse.body.pipeThrough(new DecompressionStream("gzip"));
  self.Module = { wasmBinary: await new Response(flux).arrayBuffer() };
  await loadLiteRt(`litert/${variante}.js`);
  const reseau = await loadAndCompile("modele.tflite", { accelerator: "wasm" });
  const { cote, canaux, maximum } = reglages;
  return async (image) => {
    const entree = new Tensor(enNombres(image, maximum), [1, cote, cote, canaux]);
    const [sortie] = await reseau.run([entree]);
    const probabilites = Array.from(sortie.toTypedArray());
    entree.delete();
    sortie.delete();
    return probabilites;
  };
}

/** Un fichier (Blob) → { bitmap, image, probabilites } ; lève PhotoRefusee. */
export async function classer(fichier) {
  if (fichier.size > reglages.octets_max) {
    throw new PhotoRefusee(`Ce fichier pèse ${Math.round(fichier.size / 2 ** 20)} Mo : ${reglages.octets_max / 2 ** 20} au plus. Réduisez l'image, ou enregistrez-la en JPEG.`);
  }
  verifier(new Uint8Array(await fichier.arrayBuffer()), reglages);
  const bitmap = await decoder(fichier);
  const image = preparer(bitmap, reglages);
  const predire = await pret;
  return { bitmap, image, probabilites: await predire(image) };
}

async function decoder(fichier) {
  try {
    // Comme Pillow : les nombres du fichier, sans profil de couleurs ; la photo droite.
    return await createImageBitmap(fichier, { colorSpaceConversion: "none", imageOrientation: "from-image" });
  } catch (erreur) {
    throw new PhotoRefusee("Cette image est tronquée ou abîmée. Copiez-la ou téléchargez-la de nouveau.", { cause: erreur });
  }
}

// --- L'écran -------------------------------------------------------------------------------------

function dire(message, erreur = false) {
  $("etat").textContent = erreur ? "" : message;
  $("erreur").textContent = erreur ? message : "";
}

function dessiner(bitmap, image) {
  const photo = $("photo");
  const facteur = Math.min(1, 480 / Math.max(bitmap.width, bitmap.height));
  photo.width = Math.max(1, Math.round(bitmap.width * facteur));
  photo.height = Math.max(1, Math.round(bitmap.height * facteur));
  photo.getContext("2d").drawImage(bitmap, 0, 0, photo.width, photo.height);
  const vue = $("vue");
  vue.width = vue.height = image.l;
  const rvba = new ImageData(image.l, image.h);
  for (let i = 0; i < image.l * image.h; i++) {
    for (let c = 0; c < 3; c++) rvba.data[4 * i + c] = image.pixels[i * image.canaux + (image.canaux === 1 ? 0 : c)];
    rvba.data[4 * i + 3] = 255;
  }
  vue.getContext("2d").putImageData(rvba, 0, 0);
}

function montrer(probabilites) {
  const ordre = probabilites.map((p, i) => [p, reglages.classes[i]]).sort((a, b) => b[0] - a[0]);
  const [p, classe] = ordre[0];
  $("classe").textContent = `${classe} (${pourcent(p)})`;
  $("doute").hidden = p >= 0.5;
  $("barres").replaceChildren(
    ...ordre.map(([p, classe]) => {
      const ligne = document.createElement("tr");
      const nom = document.createElement("th");
      nom.scope = "row";
      nom.textContent = classe; // du texte, jamais du HTML : un nom de classe peut contenir n'importe quoi
      const barre = document.createElement("div");
      barre.className = "barre";
      barre.style.width = `${100 * p}%`;
      const [case1, case2] = [document.createElement("td"), document.createElement("td")];
      case1.append(barre);
      case2.textContent = pourcent(p);
      ligne.append(nom, case1, case2);
      return ligne;
    }),
  );
  $("resultat").hidden = false;
  dire(`Résultat de la prédiction : ${classe}, ${pourcent(p)}.`);
}

let dernier = 0;
async function traiter(fichier) {
  if (!fichier) return;
  const tour = ++dernier;
  $("resultat").hidden = true;
  dire("Prédiction en cours…");
  try {
    const { bitmap, image, probabilites } = await classer(fichier);
    if (tour === dernier) {
      dessiner(bitmap, image);
      montrer(probabilites);
    }
    bitmap.close();
  } catch (erreur) {
    const refusee = erreur instanceof PhotoRefusee;
    if (tour === dernier) dire(refusee ? erreur.message : "La prédiction n'a pas abouti. Rechargez la page, puis réessayez.", true);
    if (!refusee) throw erreur;
  }
}

for (const id of ["fichier", "appareil"]) {
  $(id).addEventListener("change", (evenement) => {
    traiter(evenement.target.files[0]);
    evenement.target.value = ""; // la même photo peut être redonnée
  });
}
const zone = document.body;
zone.addEventListener("dragover", (evenement) => {
  evenement.preventDefault();
  zone.classList.add("survol");
});
zone.addEventListener("dragleave", () => zone.classList.remove("survol"));
zone.addEventListener("drop", (evenement) => {
  evenement.preventDefault();
  zone.classList.remove("survol");
  traiter(evenement.dataTransfer.files[0]);
});

$("nom").textContent = reglages.identite;
$("conseil").textContent = reglages.conseil;
$("connues").textContent = reglages.classes.join(" · ");
for (const exemple of reglages.exemples) {
  const bouton = document.createElement("button");
  bouton.type = "button";
  const image = document.createElement("img");
  image.src = exemple.fichier;
  image.alt = exemple.nom;
  bouton.append(image);
  bouton.addEventListener("click", async () => traiter(await (await fetch(exemple.fichier)).blob()));
  $("exemples").append(bouton);
}
$("essais").hidden = reglages.exemples.length === 0;

const pret = charger();
pret.then(
  () => {
    performance.mark("pret");
    document.body.dataset.pret = "oui";
    if ($("etat").textContent.startsWith("Le réseau se charge")) dire("Le réseau est prêt.");
    garder();
  },
  (erreur) => {
    dire("Le réseau n'a pas pu se charger. Rechargez la page ; si rien ne change, essayez un navigateur plus récent.", true);
    throw erreur;
  },
);

/** Garde sur l'appareil ce que la page a chargé : elle s'ouvrira sans réseau. */
async function garder() {
  if (!("serviceWorker" in navigator)) return;
  const { scope } = await navigator.serviceWorker.register("hors-ligne.js");
  await navigator.serviceWorker.ready;
  const adresses = performance.getEntriesByType("resource").map((ressource) => ressource.name);
  const miennes = [location.href.split(/[?#]/)[0], ...adresses.filter((a) => a.startsWith(location.origin))];
  await (await caches.open(scope)).addAll([...new Set(miennes)]);
  document.body.dataset.gardee = "oui";
}
