// All models of the run: from the 784 grey levels of an image (0 is paper, 255 is ink) to what each of them finds.
const Models = {
  assemble: (arrays) => {
    const methods = { softmax: Softmax(arrays), ...Networks(arrays), knn: Knn(arrays), pca: Pca(arrays) };
    return { ...methods, recognizer: Recognizer(arrays) };
  },
  // A promise of the models.
  load: () => (Models.promise ??= Arrays.load().then(Models.assemble)),
};
