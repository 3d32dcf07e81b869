import Testing

@testable import Journal

@Suite struct EntryIndexTests {
    @Test func `a rollback takes back every change since the last commit`() throws {
        var index = EntryIndex(inherited: [], sequenceLast: 10)
        #expect(try index.enter(entryID(1)) == 1)
        #expect(try index.enter(entryID(2)) == 2)
        index.commit()
        #expect(try index.settle(entryID(1)).sequence == 11)
        _ = try index.discard(entryID(2))
        #expect(try index.enter(entryID(3)) == 3)
        #expect([1, 2, 3].map(index.openSlots.contains) == [false, false, true])
        index.rollback()
        #expect([1, 2, 3].map(index.openSlots.contains) == [true, true, false])
        #expect(Set(index.drafts.keys) == [entryID(1), entryID(2)])
        #expect(index.settlementCount == 0)
        #expect(try index.settle(entryID(1)).sequence == 11)
        #expect(try index.enter(entryID(3)) == 3)
    }

    @Test func `a slot is reused only when its deletion is durable`() throws {
        var index = EntryIndex(inherited: [], sequenceLast: 0)
        _ = try index.enter(entryID(1))
        index.commit()
        _ = try index.discard(entryID(1))
        #expect(try index.enter(entryID(2)) == 2)
        index.commit()
        #expect(try index.enter(entryID(3)) == 1)
    }

    @Test func `gaps between inherited drafts are filled`() throws {
        var index = EntryIndex(
            inherited: [(entryID(1), 1), (entryID(3), 3)],
            sequenceLast: 0
        )
        #expect(try index.enter(entryID(2)) == 2)
        #expect(try index.enter(entryID(4)) == 4)
    }

    @Test func `settled ids are remembered up to the bound`() throws {
        var index = EntryIndex(inherited: [], sequenceLast: 0)
        for number in 0...EntryIndex.settledIDsMax {
            _ = try index.settle(entryID(number))
            index.commit()
        }
        #expect(throws: JournalError(.alreadySettled)) { try index.settle(entryID(1)) }
        #expect(try index.settle(entryID(0)).draft == nil)
    }
}
