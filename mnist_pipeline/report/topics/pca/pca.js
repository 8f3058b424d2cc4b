// Principal components, as in methods/pca.py. The components v₁, v₂, … are rows.
import { combined } from "../../script/algebra.js";
import { greyLevels } from "../../script/images.js";

export const createPca = (arrays) => {
  const components = arrays["pca.components"];
  const mean = arrays["pca.mean"];

  // The coordinates of an image on the first components: p = Vᵀ (x − mean)
  const coordinatesOf = (image, count = components.shape[0]) => {
    const levels = greyLevels(image);
    const coordinates = new Float64Array(count);
    for (let component = 0, at = 0; component < count; component++) {
      for (let pixel = 0; pixel < mean.length; pixel++, at++) {
        coordinates[component] += components[at] * (levels[pixel] - mean[pixel]);
      }
    }
    return coordinates;
  };
  // The image with these coordinates: mean + V p
  const imageOf = (coordinates) => combined(mean, coordinates, components);
  return { coordinatesOf, imageOf };
};
