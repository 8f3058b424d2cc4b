// Principal components, as in pca.py. `arrays` has the mean and the components v₁, v₂, … as rows.
const Pca = (arrays) => {
  const components = arrays["pca.components"], mean = arrays["pca.mean"];

  // The coordinates of an image on the first components: p = Vᵀ (x − mean)
  const coordinates = (image, count = components.shape[0]) => {
    const found = new Float64Array(count);
    for (let component = 0, at = 0; component < count; component++) {
      for (let pixel = 0; pixel < mean.length; pixel++, at++) {
        found[component] += components[at] * (image[pixel] - mean[pixel]);
      }
    }
    return found;
  };
  // The image with these coordinates: mean + V p
  const fromCoordinates = (found) => Algebra.combined(mean, found, components);
  return { coordinates, fromCoordinates };
};
