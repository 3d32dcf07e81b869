import Schema

/// A model as the list of models shows it.
package struct ModelEntry: Hashable, Sendable {
    package let id: String
    package let createdAt: Instant

    package init(id: String, createdAt: Instant) {
        self.id = id
        self.createdAt = createdAt
    }
}

/// Bodies of `GET /v1/models` and `GET /v1/models/{id}`.
package enum ModelList {
    /// All models on one page.
    package static func body(_ models: [ModelEntry], format: APIFormat) -> [UInt8] {
        var body: [UInt8] = []
        switch format {
        case .openAI: body.append(raw: #"{"object":"list","data":["#)
        case .anthropic: body.append(raw: #"{"data":["#)
        }
        for (index, model) in models.enumerated() {
            if index > 0 { body.append(raw: ",") }
            body += self.body(model, format: format)
        }
        body.append(raw: "]")
        if format == .anthropic {
            body.append(raw: #","has_more":false,"first_id":"#)
            body.append(json: models.first?.id)
            body.append(raw: #","last_id":"#)
            body.append(json: models.last?.id)
        }
        body.append(raw: "}")
        return body
    }

    /// One model.
    package static func body(_ model: ModelEntry, format: APIFormat) -> [UInt8] {
        var body: [UInt8] = []
        switch format {
        case .openAI:
            body.append(raw: #"{"id":"#)
            body.append(json: model.id)
            body.append(raw: #","object":"model","created":"#)
            body += String(model.createdAt.microseconds / 1_000_000).utf8
            body.append(raw: #","owned_by":"farebox"}"#)
        case .anthropic:
            body.append(raw: #"{"type":"model","id":"#)
            body.append(json: model.id)
            body.append(raw: #","display_name":"#)
            body.append(json: model.id)
            body.append(raw: #","created_at":"#)
            body.append(json: model.createdAt.description)
            body.append(raw: "}")
        }
        return body
    }
}
