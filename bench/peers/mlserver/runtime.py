"""MLServer with a custom runtime by the Open Inference Protocol; in the server's own process, metrics off."""

import numpy as np
from graph import Graph
from mlserver import MLModel
from mlserver.codecs import NumpyCodec
from mlserver.types import InferenceRequest, InferenceResponse


class Scorer(MLModel):
    """One model."""

    async def load(self) -> bool:
        """Read the graph."""
        self.graph = Graph()
        return True

    async def predict(self, payload: InferenceRequest) -> InferenceResponse:
        """PDs."""
        arrays = {tensor.name: NumpyCodec.decode_input(tensor) for tensor in payload.inputs}
        pd = self.graph.run(arrays["numbers"].astype(np.float32), arrays["categories"].astype(np.int64))
        output = NumpyCodec.encode_output("pd", np.array(pd))
        return InferenceResponse(model_name=self.name, outputs=[output])
