import Schema

/// A call in the terms of no API: what a translation goes through.
///
/// Each format has one codec to and from these values, so that a format costs one codec and not
/// one for each other format. A value holds what at least two formats can say; what only one can
/// is refused by the codec that reads it, with the field's name, unless losing it changes neither
/// the cost nor the meaning of a call. Whatever a model or a client wrote as JSON of its own
/// (arguments, schemas, numbers) is kept as the bytes that were sent.
package enum Neutral {
    package struct Request: Hashable, Sendable {
        package var model: String
        package var system: [Text] = []
        package var turns: [Turn] = []
        package var tools: [Tool] = []
        package var toolChoice: ToolChoice?
        package var allowsParallelTools: Bool?
        package var outputCap: Int64?
        package var temperature: Number?
        package var topP: Number?
        package var topK: Number?
        package var stops: [String] = []
        package var outputFormat = OutputFormat.text
        package var thinking: Thinking?
        package var serviceTier: ServiceTier?
        package var isStreamed = false

        package init(model: String) { self.model = model }
    }

    /// A number as it was written.
    package struct Number: Hashable, Sendable {
        package let text: String

        package init(_ text: String) { self.text = text }
    }

    /// Text that may end a stretch of the prompt to be cached.
    package struct Text: Hashable, Sendable {
        package var text: String
        package var cache = CacheWrites.none

        package init(_ text: String, cache: CacheWrites = .none) {
            self.text = text
            self.cache = cache
        }
    }

    package struct Turn: Hashable, Sendable {
        package enum Role: Hashable, Sendable {
            case user
            case assistant
            /// Instructions amid the conversation; those before it are the request's `system`.
            case system
        }

        package var role: Role
        package var parts: [Part]

        package init(_ role: Role, _ parts: [Part]) {
            self.role = role
            self.parts = parts
        }
    }

    package struct Part: Hashable, Sendable {
        package var content: Content
        package var cache = CacheWrites.none

        package init(_ content: Content, cache: CacheWrites = .none) {
            self.content = content
            self.cache = cache
        }
    }

    package enum Content: Hashable, Sendable {
        case text(String)
        /// The model's words for that it will not answer.
        case refusal(String)
        case image(Image)
        case toolCall(ToolCall)
        case toolResult(ToolResult)
        case reasoning(Reasoning)
    }

    package struct Image: Hashable, Sendable {
        package enum Source: Hashable, Sendable {
            /// Base64, as it was sent.
            case data(mediaType: String, base64: String)
            case url(String)
        }

        package var source: Source
        /// How closely to look, which only OpenAI's formats can say; it has no twin to lose.
        package var detail: String?

        package init(_ source: Source, detail: String? = nil) {
            self.source = source
            self.detail = detail
        }
    }

    package struct ToolCall: Hashable, Sendable {
        package var id: String
        package var name: String
        /// What the model wrote: JSON as a rule, perhaps empty, perhaps cut short.
        package var arguments: String

        package init(id: String, name: String, arguments: String) {
            self.id = id
            self.name = name
            self.arguments = arguments
        }
    }

    package struct ToolResult: Hashable, Sendable {
        package var callID: String
        /// Texts and images.
        package var parts: [Part]
        package var isError = false

        package init(callID: String, parts: [Part], isError: Bool = false) {
            self.callID = callID
            self.parts = parts
            self.isError = isError
        }
    }

    package enum Reasoning: Hashable, Sendable {
        /// What the model thought; only with its signature does Anthropic take it back.
        case text(String, signature: String?)
        /// What it thought, encrypted.
        case redacted(String)
    }

    package struct Tool: Hashable, Sendable {
        package var name: String
        package var description: String?
        /// A JSON schema as it was sent; nil for a tool without parameters.
        package var parameters: [UInt8]?
        package var isStrict: Bool?
        package var cache = CacheWrites.none

        package init(name: String, description: String? = nil, parameters: [UInt8]? = nil) {
            self.name = name
            self.description = description
            self.parameters = parameters
        }
    }

    package enum ToolChoice: Hashable, Sendable {
        case none
        case auto
        case required
        case tool(String)
    }

    package enum OutputFormat: Hashable, Sendable {
        case text
        /// Any JSON object.
        case object
        case schema(Schema)
    }

    package struct Schema: Hashable, Sendable {
        /// Required by OpenAI, unknown to Anthropic.
        package var name: String?
        /// As it was sent.
        package var schema: [UInt8]
        package var isStrict: Bool?

        package init(name: String?, schema: [UInt8], isStrict: Bool? = nil) {
            self.name = name
            self.schema = schema
            self.isStrict = isStrict
        }
    }

    package struct Thinking: Hashable, Sendable {
        package enum Mode: Hashable, Sendable {
            /// As much as the model finds right, guided by the effort.
            case adaptive
            case budget(Int64)
            case disabled
        }

        package enum Effort: String, CaseIterable, Sendable {
            /// OpenAI's word for no reasoning at all.
            case off = "none"
            case minimal, low, medium, high, xhigh, max
        }

        /// Nil where only the effort is told.
        package var mode: Mode?
        package var effort: Effort?

        package init(mode: Mode? = nil, effort: Effort? = nil) {
            self.mode = mode
            self.effort = effort
        }
    }
}
