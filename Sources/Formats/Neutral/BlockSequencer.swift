/// Puts the blocks of a streamed answer one behind the other.
///
/// The first open block streams. What arrives for another one while it cannot end yet waits for
/// its turn: upstreams interleave the calls of tools, and no client can take two open blocks.
/// Nothing is lost by the wait, for no tool runs before the answer's end.
struct BlockSequencer {
    private struct Waiting {
        let key: Int
        let block: Neutral.Block
        var piece: [UInt8] = []
        var signature: [UInt8] = []
        var isClosed = false
    }

    private var openKey: Int?
    /// Whether the open block ends when the next one begins: text does, a call of a tool may
    /// still get arguments.
    private var openYields = false
    private var waiting: [Waiting] = []
    private(set) var hasToolCalls = false
    private(set) var hasRefusal = false

    /// Whether more for this key would find its block.
    func has(_ key: Int) -> Bool {
        openKey == key || waiting.contains { $0.key == key && !$0.isClosed }
    }

    mutating func open(
        _ key: Int,
        _ block: Neutral.Block,
        yields: Bool,
        into events: inout [Neutral.StreamEvent]
    ) {
        switch block {
        case .toolCall: hasToolCalls = true
        case .refusal: hasRefusal = true
        case .text, .reasoning, .redactedReasoning: break
        }
        if openKey != nil {
            guard openYields, waiting.isEmpty else {
                // Slices would keep the stream's buffer from being reused.
                waiting.append(Waiting(key: key, block: block.owned))
                return
            }
            events.append(.close)
        }
        openKey = key
        openYields = yields
        events.append(.open(block))
    }

    mutating func piece(
        _ key: Int,
        _ text: ArraySlice<UInt8>,
        into events: inout [Neutral.StreamEvent]
    ) {
        if text.isEmpty { return }
        if openKey == key {
            events.append(.piece(text))
        } else if let index = waiting.lastIndex(where: { $0.key == key }) {
            waiting[index].piece += text
        }
    }

    mutating func signature(
        _ key: Int,
        _ text: ArraySlice<UInt8>,
        into events: inout [Neutral.StreamEvent]
    ) {
        if text.isEmpty { return }
        if openKey == key {
            events.append(.signature(text))
        } else if let index = waiting.lastIndex(where: { $0.key == key }) {
            waiting[index].signature += text
        }
    }

    mutating func close(_ key: Int, into events: inout [Neutral.StreamEvent]) {
        if openKey == key {
            events.append(.close)
            openKey = nil
            openNext(into: &events)
        } else if let index = waiting.lastIndex(where: { $0.key == key }) {
            waiting[index].isClosed = true
        }
    }

    /// Closes what is open, and gives what still waited.
    mutating func finish(into events: inout [Neutral.StreamEvent]) {
        for index in waiting.indices { waiting[index].isClosed = true }
        if let openKey { close(openKey, into: &events) }
    }

    private mutating func openNext(into events: inout [Neutral.StreamEvent]) {
        while !waiting.isEmpty {
            let next = waiting.removeFirst()
            events.append(.open(next.block))
            if !next.piece.isEmpty { events.append(.piece(next.piece[...])) }
            if !next.signature.isEmpty { events.append(.signature(next.signature[...])) }
            guard next.isClosed else {
                openKey = next.key
                openYields = false
                return
            }
            events.append(.close)
        }
    }
}

extension Neutral.Block {
    /// The same, in memory of its own.
    var owned: Self {
        switch self {
        case .text, .refusal, .reasoning: self
        case .redactedReasoning(let data): .redactedReasoning(Array(data)[...])
        case .toolCall(let id, let name): .toolCall(id: Array(id)[...], name: Array(name)[...])
        }
    }
}
