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
            isIdempotent: false,
            resendWindow: .milliseconds(500)
        )
        change(&policy)
        return TransferMachine(policy: policy, startedAt: start)
    }

    private func head(_ machine: inout TransferMachine, after seconds: Int = 0) {
        machine.receive(ResponseHead(status: 200), at: start + .seconds(seconds))
    }

    private func body(_ machine: inout TransferMachine, _ count: Int, after seconds: Int = 0) {
        [UInt8](repeating: 7, count: count).withUnsafeBytes {
            machine.receiveBody($0, at: start + .seconds(seconds))
        }
    }

    // `#expect` takes no call that mutates what it is called on.
    private func expires(
        _ machine: inout TransferMachine,
        at now: LoopTime
    ) -> Bool {
        machine.expire(at: now)
    }

    private func taken(_ machine: inout TransferMachine, after seconds: Int = 0) -> Int? {
        let delivery = machine.deliver(at: start + .seconds(seconds))
        return if case .bytes(let bytes) = delivery { bytes.count } else { nil }
    }

    private func failure(_ machine: inout TransferMachine) -> CurlError? {
        if case .failure(let error) = machine.deliver(at: start) { error } else { nil }
    }

    @Test func `a transfer runs from connecting to its end`() {
        var machine = machine()
        machine.requestLeaves(at: start)
        head(&machine)
        #expect(machine.head?.status == 200)
        body(&machine, 4)
        body(&machine, 4)
        machine.finish()
        #expect(taken(&machine) == 8)
        guard case .end = machine.deliver(at: start) else {
            Issue.record("not at its end")
            return
        }
    }

    @Test func `there is no room above the limit, and again when the reader has taken`() {
        var machine = machine()
        machine.requestLeaves(at: start)
        head(&machine)
        #expect(machine.room == 10)
        body(&machine, 4)
        #expect(machine.room == 6)
        body(&machine, 6)
        #expect(machine.room == 0)
        #expect(taken(&machine) == 10)
        #expect(machine.room == 10)
    }

    @Test func `each part has its timeout`() {
        var connecting = machine()
        #expect(!expires(&connecting, at: start + .milliseconds(999)))
        #expect(expires(&connecting, at: start + .seconds(1)))
        let connect = failure(&connecting)
        #expect(connect?.kind == .timeout(.connect))
        #expect(connect?.isRetrySafe == true)

        var waiting = machine()
        waiting.requestLeaves(at: start + .milliseconds(500))
        #expect(!expires(&waiting, at: start + .seconds(10)))
        #expect(expires(&waiting, at: start + .milliseconds(10_500)))
        let firstByte = failure(&waiting)
        #expect(firstByte?.kind == .timeout(.firstByte))
        #expect(firstByte?.isRetrySafe == false)

        var silent = machine()
        silent.requestLeaves(at: start)
        head(&silent, after: 1)
        body(&silent, 1, after: 3)
        #expect(!expires(&silent, at: start + .seconds(7)))
        #expect(expires(&silent, at: start + .seconds(8)))
        #expect(taken(&silent) == 1, "what came before is not lost")
        #expect(failure(&silent)?.kind == .timeout(.idle))
    }

    @Test func `the total bound holds in every part`() {
        for steps in 0...2 {
            var machine = machine { $0.timeouts.total = .milliseconds(900) }
            if steps > 0 { machine.requestLeaves(at: start) }
            if steps > 1 { head(&machine) }
            #expect(expires(&machine, at: start + .milliseconds(900)))
            #expect(failure(&machine)?.kind == .timeout(.total))
        }
    }

    @Test func `a pause of ours is not the upstream's silence`() {
        var machine = machine()
        machine.requestLeaves(at: start)
        head(&machine)
        body(&machine, 10)
        #expect(machine.nextDeadline == nil)
        #expect(!expires(&machine, at: start + .seconds(3_600)))
        #expect(taken(&machine, after: 3_600) == 10)
        #expect(machine.nextDeadline == start + .seconds(3_605))
    }

    @Test func `a request is sent again soon, or when that changes nothing, else not`() {
        var post = machine()
        #expect(!post.maySendAgain(at: start), "nothing was sent")
        post.requestLeaves(at: start)
        #expect(post.maySendAgain(at: start + .milliseconds(499)))
        #expect(!post.maySendAgain(at: start + .milliseconds(500)))
        post.requestLeaves(at: start + .milliseconds(499))
        #expect(post.resendCount == 1)
        head(&post)
        #expect(!post.maySendAgain(at: start + .milliseconds(499)), "it was answered")

        var idempotent = machine { $0.isIdempotent = true }
        idempotent.requestLeaves(at: start)
        #expect(idempotent.maySendAgain(at: start + .seconds(60)))
    }

    @Test func `no failure of a second try makes a request safe that has left`() {
        let refused = CurlError(.connect, isRetrySafe: true, detail: "refused")
        var first = machine()
        first.fail(refused)
        #expect(failure(&first)?.isRetrySafe == true)

        var second = machine()
        second.requestLeaves(at: start)
        second.fail(refused)
        let error = failure(&second)
        #expect(error?.kind == .connect)
        #expect(error?.isRetrySafe == false)
    }

    @Test func `abandoning forgets the buffer and keeps the first failure`() {
        var machine = machine()
        machine.requestLeaves(at: start)
        head(&machine)
        body(&machine, 5)
        machine.abandon(.cancelled(isRetrySafe: false))
        machine.fail(CurlError(.reset, detail: "late"))
        #expect(machine.bufferedCount == 0)
        #expect(failure(&machine)?.kind == .cancelled)
    }
}
