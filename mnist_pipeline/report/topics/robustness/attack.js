// Small changes of an image that make the CNN read it as another class: projected gradient steps.
import { clip } from "../../script/algebra.js";

export const SURE = 0.9;
const STEPS = 40;
const [LONGEST, SHORTEST] = [1 / 4, 1 / 40]; // a step, as a share of the largest change

// The image within ±reach levels of another that the CNN takes for a class with 90% certainty, in
// whole levels, as { image, share }; null if the steps do not lead there. Each step moves all
// levels along the sign of the gradient. pause() is awaited between two of them.
export const attack = async (cnn, original, label, reach, pause) => {
  let image = Float64Array.from(original);
  for (let step = 0; step <= STEPS; step++) {
    await pause();
    const { probabilities, gradient } = cnn.gradientOf(image, label);
    const share = probabilities[label];
    if (share >= SURE) return { image, share };
    const length = Math.ceil(reach * Math.max(SHORTEST, LONGEST * (1 - step / STEPS)));
    image = image.map((level, at) => {
      const [least, most] = [original[at] - reach, original[at] + reach];
      return clip(clip(level + length * Math.sign(gradient[at]), most, least), 255);
    });
  }
  return null;
};
