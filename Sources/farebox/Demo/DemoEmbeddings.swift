import Foundation
import Schema

/// The demo upstream's answers to requests for embeddings: vectors of length one, which depend on
/// the place of their text alone.
struct DemoEmbeddings {
    let request: DemoRequest
    let answer: DemoAnswer

    var body: JSONNode {
        let data = (0..<request.choices).map { index in
            JSONNode.object([
                ("object", .text("embedding")), ("index", .integer(Int64(index))),
                ("embedding", vector(index)),
            ])
        }
        return .object([
            ("object", .text("list")), ("data", .array(data)), ("model", .text(request.model)),
            (
                "usage",
                .object([
                    ("prompt_tokens", .integer(answer.inputTokens)),
                    ("total_tokens", .integer(answer.inputTokens)),
                ])
            ),
        ])
    }

    /// One at the text's place, and zero elsewhere.
    private func vector(_ index: Int) -> JSONNode {
        let place = index % request.dimensions
        let values: [Float] = (0..<request.dimensions).map { $0 == place ? 1 : 0 }
        guard request.wantsBase64 else {
            return .array(values.map { .raw($0 == 1 ? "1.0" : "0.0") })
        }
        let bytes = values.flatMap { value in
            (0..<4).map { UInt8(truncatingIfNeeded: value.bitPattern >> ($0 * 8)) }
        }
        return .text(Data(bytes).base64EncodedString())
    }
}
