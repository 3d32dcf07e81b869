import Formats

/// Feeds bytes to the event stream's decoder whole, byte by byte, and in steps of the input's
/// choosing.
///
/// All must tell the same, and the blocks must tile the stream. The first byte chooses the step.
@_cdecl("LLVMFuzzerTestOneInput")
public func fuzzEventStream(_ start: UnsafePointer<UInt8>?, _ count: Int) -> CInt {
    guard let start, count > 1 else { return 0 }
    let bytes = Array(UnsafeBufferPointer(start: start + 1, count: count - 1))
    let whole = Transcript(of: bytes, step: bytes.count)
    precondition(whole.raw == bytes, "the blocks do not tile the stream")
    precondition(Transcript(of: bytes, step: 1) == whole, "byte by byte")
    let step = Int(start[0]) + 2
    precondition(Transcript(of: bytes, step: step) == whole, "in steps of \(step)")
    return 0
}

/// What a decoder made of an input, however it was split.
private struct Transcript: Equatable {
    struct Event: Equatable {
        let name: [UInt8]?
        let payload: [UInt8]?
        let length: Int
    }

    var raw: [UInt8] = []
    var events: [Event] = []

    init(of bytes: [UInt8], step: Int) {
        var decoder = ServerSentEventDecoder()
        do throws(ServerSentEventError) {
            for index in stride(from: 0, to: bytes.count, by: step) {
                decoder.append(Array(bytes[index..<min(bytes.count, index + step)]))
                while let event = try decoder.next() { note(event, decoder) }
            }
        } catch {
            preconditionFailure("an input within the bound is too large")
        }
        if let event = decoder.finish() { note(event, decoder) }
    }

    private mutating func note(_ event: ServerSentEvent, _ decoder: ServerSentEventDecoder) {
        raw += decoder.buffer[event.raw]
        let payload = decoder.payload(of: event).map { Array($0.bytes[$0.range]) }
        precondition((payload == nil) == (event.dataLineCount == 0), "data without lines")
        events.append(
            Event(
                name: event.name.map { Array(decoder.buffer[$0]) },
                payload: payload,
                length: event.raw.count
            )
        )
    }
}
