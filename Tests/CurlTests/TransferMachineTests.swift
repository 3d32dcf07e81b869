import EventLoop
import Testing

@testable import Curl

@Suite struct TransferMachineTests {
    private let start = LoopTime(nanoseconds: 0)

    private func machine(
        _ change: (inout TransferPolicy) -> Void = { _ in }
    ) -> TransferMachine {
        var policy = TransferPolicy(
            timeouts: CurlTimeouts(
                connect: .seconds(1),
                firstByte: .seconds(10),
                idle: .seconds(5),
                total: nil
            ),
            bufferBytesMax: 10,
            headBytesMax: 4_096,
            fieldCountMax: 20,
            isIdempotent: false,
            resendWindow: .milliseconds(500)
        )
        change(&policy)
        return TransferMachine(policy: policy, startedAt: start)
    }

    private func head(_ machine: inout TransferMachine, after seconds: Int = 0) -> Bool {
        ["HTTP/1.1 200 OK\r\n", "\r\n"].allSatisfy { line in
            Array(line.utf8).withUnsafeBytes {
                machine.receiveHeadLine($0, at: start + .seconds(seconds))
            }
        }
    }

    private func body(
        _ machine: inout TransferMachine,
        _ count: Int,
        after seconds: Int = 0
    ) -> TransferMachine.Verdict {
        [UInt8](repeating: 7, count: count).withUnsafeBytes {
            machine.receiveBody($0, at: start + .seconds(seconds))
        }
    }

    // `#expect` takes no call that mutates what it is called on.
    private func ready(
        _ machine: inout TransferMachine,
        at now: LoopTime
    ) -> Bool {
        machine.connectionReady(at: now)
    }

    private func expires(
        _ machine: inout TransferMachine,
        at now: LoopTime
    ) -> Bool {
        machine.expire(at: now)
    }

    private func resumes(
        _ machine: inout TransferMachine,
        at now: LoopTime
    ) -> Bool {
        machine.resume(at: now)
    }

    private func taken(_ machine: inout TransferMachine) -> Int? {
        if case .bytes(let bytes) = machine.deliver() { bytes.count } else { nil }
    }

    private func failure(_ machine: inout TransferMachine) -> CurlError? {
        if case .failure(let error) = machine.deliver() { error } else { nil }
    }

    @Test func `a transfer runs from connecting to its end`() {
        var machine = machine()
        #expect(ready(&machine, at: start))
        #expect(head(&machine))
        #expect(machine.head?.status == 200)
        #expect(body(&machine, 4) == .accept)
        #expect(body(&machine, 4) == .accept)
        machine.end(.finished)
        #expect(taken(&machine) == 8)
        guard case .end = machine.deliver() else {
            Issue.record("not at its end")
            return
        }
    }

    @Test func `bytes above the limit pause, and the reader resumes`() {
        var machine = machine()
        _ = machine.connectionReady(at: start)
        _ = head(&machine)
        #expect(body(&machine, 10) == .accept)
        #expect(body(&machine, 1) == .pause)
        #expect(machine.isPaused)
        #expect(!resumes(&machine, at: start), "nothing was taken yet")
        #expect(taken(&machine) == 10)
        #expect(resumes(&machine, at: start))
        #expect(body(&machine, 1) == .accept, "the same byte is offered again")
        #expect(taken(&machine) == 1)
    }

    @Test func `one piece above the limit is taken when nothing else is buffered`() {
        var machine = machine()
        _ = machine.connectionReady(at: start)
        _ = head(&machine)
        #expect(body(&machine, 100) == .accept)
        #expect(machine.bufferedCount == 100)
    }

    @Test func `each part has its timeout`() {
        var connecting = machine()
        #expect(!expires(&connecting, at: start + .milliseconds(999)))
        #expect(expires(&connecting, at: start + .seconds(1)))
        let connect = failure(&connecting)
        #expect(connect?.kind == .timeout(.connect))
        #expect(connect?.isRetrySafe == true)

        var waiting = machine()
        _ = waiting.connectionReady(at: start + .milliseconds(500))
        #expect(!expires(&waiting, at: start + .seconds(10)))
        #expect(expires(&waiting, at: start + .milliseconds(10_500)))
        let firstByte = failure(&waiting)
        #expect(firstByte?.kind == .timeout(.firstByte))
        #expect(firstByte?.isRetrySafe == false)

        var silent = machine()
        _ = silent.connectionReady(at: start)
        _ = head(&silent, after: 1)
        _ = body(&silent, 1, after: 3)
        #expect(!expires(&silent, at: start + .seconds(7)))
        #expect(expires(&silent, at: start + .seconds(8)))
        #expect(taken(&silent) == 1, "what came before is not lost")
        #expect(failure(&silent)?.kind == .timeout(.idle))
    }

    @Test func `the total bound holds in every part`() {
        for steps in 0...2 {
            var machine = machine { $0.timeouts.total = .milliseconds(900) }
            if steps > 0 { _ = machine.connectionReady(at: start) }
            if steps > 1 { _ = head(&machine) }
            #expect(expires(&machine, at: start + .milliseconds(900)))
            #expect(failure(&machine)?.kind == .timeout(.total))
        }
    }

    @Test func `a pause of ours is not the upstream's silence`() {
        var machine = machine()
        _ = machine.connectionReady(at: start)
        _ = head(&machine)
        _ = body(&machine, 10)
        _ = body(&machine, 1)
        #expect(machine.nextDeadline == nil)
        #expect(!expires(&machine, at: start + .seconds(3_600)))
        _ = machine.deliver()
        _ = machine.resume(at: start + .seconds(3_600))
        #expect(machine.nextDeadline == start + .seconds(3_605))
    }

    @Test func `a request is sent again soon, or when that changes nothing, else not`() {
        var soon = machine()
        #expect(ready(&soon, at: start))
        #expect(ready(&soon, at: start + .milliseconds(499)))
        #expect(soon.resendCount == 1)

        var late = machine()
        #expect(ready(&late, at: start))
        #expect(!ready(&late, at: start + .milliseconds(500)))
        late.end(.failed(CurlError(.unexpected, detail: "aborted")))
        let error = failure(&late)
        #expect(error?.kind == .reset)
        #expect(error?.isRetrySafe == false)

        var idempotent = machine { $0.isIdempotent = true }
        #expect(ready(&idempotent, at: start))
        #expect(ready(&idempotent, at: start + .seconds(60)))
    }

    @Test func `an end within the head is no response`() {
        var machine = machine()
        _ = machine.connectionReady(at: start)
        _ = Array("HTTP/1.1 200 OK\r\n".utf8).withUnsafeBytes {
            machine.receiveHeadLine($0, at: start)
        }
        machine.end(.finished)
        #expect(failure(&machine)?.kind == .reset)
    }

    @Test func `trailers are dropped and counted`() {
        var machine = machine { $0.headBytesMax = 100 }
        _ = machine.connectionReady(at: start)
        _ = head(&machine)
        _ = body(&machine, 1)
        let trailer = Array("x-checksum: 0123456789abcdef\r\n".utf8)
        let verdicts = (0..<4).map { _ in
            trailer.withUnsafeBytes { machine.receiveHeadLine($0, at: start) }
        }
        #expect(verdicts == [true, true, false, false])
        #expect(machine.failure?.kind == .headTooLarge)
        #expect(machine.head?.fields.isEmpty == true)
    }

    @Test func `abandoning forgets the buffer and keeps the first failure`() {
        var machine = machine()
        _ = machine.connectionReady(at: start)
        _ = head(&machine)
        _ = body(&machine, 5)
        machine.abandon(.cancelled(isRetrySafe: false))
        machine.end(.failed(CurlError(.reset, detail: "late")))
        #expect(machine.bufferedCount == 0)
        #expect(failure(&machine)?.kind == .cancelled)
    }
}
