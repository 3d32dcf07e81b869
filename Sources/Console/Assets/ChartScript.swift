/// Draws a chart above each table that says what of it may be drawn; pages work without it.
enum ChartScript {
    static let text = """
        "use strict";
        addEventListener("DOMContentLoaded", () => {
          if (typeof Chart === "undefined") return;
          const style = getComputedStyle(document.documentElement);
          const color = name => style.getPropertyValue(name).trim();
          const still = matchMedia("(prefers-reduced-motion: reduce)").matches;
          for (const table of document.querySelectorAll("table[data-value]")) {
            const rows = [...table.tBodies[0].rows];
            const cell = (row, index) => row.cells[Number(index)].textContent.trim();
            const frame = document.createElement("div");
            frame.className = "chart";
            const canvas = document.createElement("canvas");
            canvas.setAttribute("role", "img");
            canvas.setAttribute("aria-label",
              table.caption.textContent + ": a chart of the table below");
            frame.append(canvas);
            table.closest(".wide").before(frame);
            const grid = { color: color("--line") }, ticks = { color: color("--quiet") };
            new Chart(canvas, {
              type: "bar",
              data: {
                labels: rows.map(row => cell(row, table.dataset.label)),
                datasets: [{
                  data: rows.map(row => Number(cell(row, table.dataset.value))),
                  backgroundColor: color("--accent"), maxBarThickness: 36,
                }],
              },
              options: {
                maintainAspectRatio: false, animation: still ? false : { duration: 200 },
                plugins: { legend: { display: false } },
                scales: { x: { grid: { display: false }, ticks }, y: { beginAtZero: true, grid, ticks } },
              },
            });
          }
        });
        """
}
