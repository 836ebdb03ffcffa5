import { floats, picture, post } from "./api.js";
import { base, depthAt, enlarged, focal } from "./photo.js";
import { length } from "./units.js";

const $ = (id) => document.getElementById(id);
let newest = 0; // number of the last choice; what earlier ones bring is dropped

// Drop the comparison, also one that is being computed.
function clear(photo, unsay) {
  photo.other = null; $("other").hidden = true;
  unsay("compare");
  return ++newest;
}

export function compareChoices(photo, models, unsay) {
  clear(photo, unsay);
  const factors = ["1.25", "0.8"].map((f) => new Option(`focal length × ${f}`, f));
  const others = models.filter((m) => m !== photo.model).map((m) => new Option(`model ${m}`, `model:${m}`));
  $("compare").replaceChildren(new Option("nothing", ""), ...factors, ...others);
}

// Another model predicts the held photo with the focal length set here; later changes of it scale its depth, too.
export async function compare(photo, value, say, unsay) {
  const number = clear(photo, unsay), model = value.startsWith("model:") && value.slice(6);
  if (!value) return;
  if (model) say(`Computing depth of ${photo.name} by ${model} …`, "compare");
  try {
    const f = focal(photo), query = `model=${encodeURIComponent(model)}&focal_px=${f}`;
    const found = model ? await post(`${base(photo)}/compare?${query}`) : photo;
    const depth = model ? await floats(`${base(found)}/depth`) : photo.depth;
    const image = await picture(`${base(found)}/layers/depth`);
    if (number !== newest) return;
    const other = { depth, width: photo.width, height: photo.height };
    const factor = () => (model ? focal(photo) / f * photo.scale : Number(value) * enlarged(photo));
    photo.other = (at) => depthAt(other, at) * factor();
    $("otherdepth").replaceWith(Object.assign(image, { id: "otherdepth", alt: "Depth compared with" }));
    $("other").hidden = false;
    $("othervalue").textContent = "Point at the photo to compare.";
    unsay("compare");
  } catch (error) {
    if (number !== newest) return;
    $("compare").value = "";
    throw error;
  }
}

export function showOther(photo, at) {
  if (!photo.other) return;
  const z = depthAt(photo, at) * enlarged(photo), other = photo.other(at);
  $("othervalue").textContent = other > 0 && z > 0
    ? `Here: ${length(other)}, ${(100 * (other / z - 1)).toFixed(1)} % from the photo's` : "No depth here.";
}
