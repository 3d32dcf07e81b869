import Testing

@testable import Postgres

@Suite struct SQLTests {
    @Test func `values become parameters, in order`() {
        let id: Int64 = 7
        let name: String? = nil
        let sql: SQL = "SELECT \(id), \(name) FROM \(unescaped: "t") WHERE x = ANY(\([id]))"
        #expect(sql.text == "SELECT $1, $2 FROM t WHERE x = ANY($3)")
        #expect(sql.typeOIDs == [20, 25, 1016])
        #expect(
            sql.fields.bytes.prefix(16) == [0, 0, 0, 8, 0, 0, 0, 0, 0, 0, 0, 7, 255, 255, 255, 255]
        )
    }

    @Test func `a part keeps its values and is numbered anew`() {
        let filter: SQL = "a = \(1) AND b = \("x")"
        let sql: SQL = "SELECT \(true) WHERE \(filter) AND \(filter) LIMIT \(5)"
        #expect(
            sql.text
                == "SELECT $1 WHERE a = $2 AND b = $3 AND a = $4 AND b = $5 LIMIT $6"
        )
        #expect(sql.typeOIDs == [16, 20, 25, 20, 25, 20])
    }

    @Test func `an identifier is quoted`() {
        let sql: SQL = "LISTEN \(identifier: "a\"; DROP TABLE b; --")"
        #expect(sql.text == "LISTEN \"a\"\"; DROP TABLE b; --\"")
    }

    @Test func `a plain literal is a statement`() {
        let sql: SQL = "SELECT 1"
        #expect(sql.text == "SELECT 1")
        #expect(sql.typeOIDs.isEmpty)
    }
}

@Suite struct DatabaseURLTests {
    @Test(arguments: [
        "postgresql://ada:s3cr%2Ft@db.example:5433/farebox?sslmode=require",
        "host=db.example port=5433 user=ada password='s3cr/t' dbname=farebox sslmode=require",
    ])
    func `the password is never shown`(text: String) throws {
        let url = try DatabaseURL(text)
        #expect("\(url)" == "postgresql://ada@db.example:5433/farebox")
        var dumped = ""
        dump(DatabaseConfiguration(url: url), to: &dumped)
        #expect(!dumped.contains("s3cr"))
        #expect(!String(reflecting: url).contains("s3cr"))
        #expect(url.redact("bad s3cr/t here") == "bad «secret» here")
        #expect(url.revealed.contains("s3cr/t"))
        #expect(try DatabaseURL(url.revealed) == url)
    }

    @Test(arguments: [
        "postgresql://ada:s3cr/t@db/farebox", "postgresql://ada:s3cr@db:port/x",
        "password='s3cr", "s3cr", "host=a s3cret=b",
    ])
    func `a malformed one is refused without repeating it`(text: String) {
        let error = #expect(throws: PostgresError.self) { try DatabaseURL(text) }
        #expect(error?.code == .malformedURL)
        #expect(error.map { !"\($0)".contains("s3cr") } == true)
    }

    @Test func `another database of the same server`() throws {
        let url = try DatabaseURL("postgresql://ada:x@db:1,db2:2/farebox")
        #expect(url.naming(database: "other").database == "other")
        #expect(url.naming(database: "other").host == "db,db2")
        #expect(url.naming(host: "127.0.0.1", port: 9).port == "9")
    }
}

@Suite struct CommitVerdictTests {
    private let standby = ServerNotice(
        severity: "WARNING",
        message: "warte nicht länger",
        sourceFunction: "SyncRepWaitForLSN"
    )
    private let other = ServerNotice(
        severity: "WARNING",
        message: "a trigger says so",
        sourceFunction: "exec_stmt_raise"
    )

    private func verdict(
        _ answer: CommitVerdict.Answer,
        _ notices: [ServerNotice] = [],
        alive: Bool = true
    ) -> CommitVerdict {
        CommitVerdict(answer: answer, notices: notices, isConnectionAlive: alive)
    }

    private func isUnknown(_ verdict: CommitVerdict) -> Bool {
        if case .unknown = verdict { true } else { false }
    }

    @Test func `a commit is one, warnings of others or not`() {
        #expect(verdict(.tag("COMMIT")) == .committed)
        #expect(verdict(.tag("COMMIT"), [other]) == .committed)
    }

    @Test func `a commit that no standby has is unknown, in any language`() {
        #expect(isUnknown(verdict(.tag("COMMIT"), [other, standby])))
        let english = ServerNotice(
            severity: "WARNING",
            message: "canceling wait for synchronous replication due to user request",
            sourceFunction: ""
        )
        #expect(isUnknown(verdict(.tag("COMMIT"), [english])))
    }

    @Test func `a failed transaction that is committed is rolled back`() {
        #expect(verdict(.tag("ROLLBACK")) == .rolledBack("25P02"))
    }

    @Test(arguments: ["23505", "23514", "40001", "40P01", "P0001", "22003", "42501"])
    func `an error from before the commit record proves the rollback`(state: String) {
        #expect(verdict(.error(SQLState(state))) == .rolledBack(SQLState(state)))
    }

    @Test(arguments: ["57014", "57P01", "57P02", "08006", "08007", "40003", "XX000", "58030"])
    func `an error that proves nothing leaves the outcome unknown`(state: String) {
        #expect(isUnknown(verdict(.error(SQLState(state)))))
    }

    @Test func `no answer is unknown`() {
        #expect(isUnknown(verdict(.none, alive: false)))
        #expect(isUnknown(verdict(.none)))
        #expect(isUnknown(verdict(.tag("SELECT 1"))))
    }
}
