import Schema
import Synchronization
import Testing

@testable import Ingress

@Suite struct LogTests {
    private func lines(isReadable: Bool, _ body: (Log) -> Void) -> [String] {
        let written = LockedLines()
        let log = Log(
            least: .info,
            isReadable: isReadable,
            clock: { Instant(microseconds: 0) },
            write: { lines in written.append(String(decoding: lines, as: UTF8.self)) }
        )
        body(log)
        return written.all
    }

    @Test func `a line is one JSON object, whatever it says`() {
        let written = lines(isReadable: false) { log in
            log.debug("not written")
            log.info("said \"so\"\n", ["key": "a\\b", "count": 3])
        }
        #expect(
            written == [
                #"{"time":"1970-01-01T00:00:00Z","level":"info","message":"said \"so\" ","#
                    + #""key":"a\\b","count":3}"# + "\n"
            ]
        )
    }

    @Test func `people get words`() {
        let written = lines(isReadable: true) { $0.error("gone", ["status": 502]) }
        #expect(written == ["1970-01-01T00:00:00Z error gone status=502\n"])
    }

    @Test func `a secret describes itself as one`() {
        let secret = Secret("sk-fb-1")
        #expect("\(secret)" == "«secret»" && String(reflecting: secret) == "«secret»")
    }
}

private final class LockedLines: Sendable {
    private let lines = Mutex<[String]>([])

    func append(_ line: String) { lines.withLock { $0.append(line) } }

    var all: [String] { lines.withLock(\.self) }
}
