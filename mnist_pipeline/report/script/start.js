// What the figures start from: a promise of the arrays of the run, its models, the digit of the
// reader, and the signs that the reader teaches.
import { loadArrays } from "./arrays.js";
import { createKnn } from "../topics/knn/knn.js";
import { createCnn, createMlp } from "../topics/networks/networks.js";
import { createPca } from "../topics/pca/pca.js";
import { createReader } from "./reader.js";
import { createJudge } from "../topics/robustness/recognizer.js";
import { createSigns } from "./signs.js";
import { createSoftmax } from "../topics/softmax/softmax.js";

export const loaded = loadArrays().then((arrays) => {
  const models = {
    knn: createKnn(arrays),
    softmax: createSoftmax(arrays),
    mlp: createMlp(arrays),
    cnn: createCnn(arrays),
    pca: createPca(arrays),
    judge: createJudge(arrays),
  };
  const reader = createReader(arrays, models);
  return { arrays, models, reader, signs: createSigns(models, arrays) };
});
