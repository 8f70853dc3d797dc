// All there is to know of a node or a tensor.
import type { Graph } from "./model";
import { ROLES } from "./model";
import { factors } from "./player";
import { ArrayView, format, Markup } from "./values";
import { isWord, say, type Language } from "./words";

interface Given {
  graph: Graph;
  language: Language;
  choose: (id: string) => void;
}
const seconds = (value: number): string =>
  value >= 1 ? `${format(value)} s` : value >= 1e-3 ? `${format(value * 1e3)} ms` : `${format(value * 1e6)} µs`;

export function NodeCard({
  graph,
  language,
  choose,
  index,
  openBody,
}: Given & { index: number; openBody: (graph: number) => void }) {
  const node = graph.nodes[index],
    word = (each: Parameters<typeof say>[1]): string => say(language, each);
  const fact = (label: string, text: string) =>
    text ? (
      <div class="fact">
        <dt>{label}</dt>
        <dd>
          <code>{text}</code>
        </dd>
      </div>
    ) : null;
  const cost = (a: number, b: number, show: (value: number) => string): string =>
    [
      [word("forward"), a],
      [word("backward"), b],
    ]
      .filter(([, each]) => Number.isFinite(each as number))
      .map(([label, each]) => `${label} ${show(each as number)}`)
      .join(" · ");
  return (
    <article>
      <h2>
        {node.name}{" "}
        <small>
          {node.kind}
          {node.fields ? `(${node.fields})` : ""}
        </small>
      </h2>
      {node.status === 1 && <p class="bad">{word("failed")}</p>}
      {node.summary && <p>{node.summary}</p>}
      {node.formula && (
        <div class="formula">
          <Markup text={node.formula} />
        </div>
      )}
      <dl>
        {fact(word("here"), node.here)}
        {fact(word("source"), [node.source, node.code.trim()].filter(Boolean).join("  "))}
        {fact(word("layer"), node.scope.replaceAll("/", " › "))}
        {fact(word("time"), cost(node.timeForward, node.timeBackward, seconds))}
        {fact(word("flops"), cost(node.flopsForward, node.flopsBackward, format))}
        {fact(word("memory"), Number.isFinite(node.memory) ? `${format(node.memory)} B` : "")}
      </dl>
      {node.body >= 0 && (
        <button onClick={() => openBody(node.body)}>
          ▸ {graph.model.graphs[node.body].nodes.length} {word("nodes")}
        </button>
      )}
      {node.inputs.map((each, at) =>
        each === -1 ? null : each < -1 ? (
          <section key={at}>
            <h3>
              {word("input")} {node.inputNames[at]} = {graph.scalars[-2 - each]}
            </h3>
          </section>
        ) : (
          <section key={at}>
            <TensorHead
              graph={graph}
              choose={choose}
              language={language}
              tensor={each}
              title={`${word("input")} ${node.inputNames[at] ?? ""}`}
            />
            <Part label={word("value")}>
              <ArrayView
                model={graph.model}
                array={graph.tensors[each].value}
                name={`${graph.tensors[each].name}: ${word("value")}`}
              />
            </Part>
            {node.vjp[at] && (
              <Part label={word("rule")}>
                <Markup text={node.vjp[at]} />
                {node.vjpHere[at] && (
                  <div class="facts">
                    <Markup text={node.vjpHere[at]} />
                  </div>
                )}
              </Part>
            )}
            {node.local[at] >= 0 && (
              <Part label={word("local")}>
                <ArrayView
                  model={graph.model}
                  array={node.local[at]}
                  name={`${graph.tensors[each].name}: ${word("local")}`}
                />
              </Part>
            )}
            {node.sent[at] >= 0 && (
              <Part label={word("sent")}>
                <ArrayView
                  model={graph.model}
                  array={node.sent[at]}
                  name={`${graph.tensors[each].name}: ${word("sent")}`}
                />
              </Part>
            )}
          </section>
        ),
      )}
      {node.outputs.map((each, at) =>
        each < 0 ? null : (
          <TensorCard key={at} graph={graph} language={language} choose={choose} index={each} title={word("output")} />
        ),
      )}
      {node.numbers && (
        <section>
          <h3>{word("numbers")}</h3>
          {node.numbers.startsWith("<math") ? <Markup text={node.numbers} /> : <pre tabIndex={0}>{node.numbers}</pre>}
        </section>
      )}
      {node.notes && <p class="facts">{node.notes}</p>}
    </article>
  );
}
function Part({ label, children }: { label: string; children: preact.ComponentChildren }) {
  return (
    <div class="part">
      <span class="label">{label}</span>
      <div>{children}</div>
    </div>
  );
}
function TensorHead({ graph, tensor, title, choose, language }: Given & { tensor: number; title: string }) {
  const each = graph.tensors[tensor],
    role = ROLES[each.role];
  return (
    <h3>
      {title}{" "}
      <button
        class="link"
        onClick={() => choose(each.maker >= 0 ? `node:${graph.nodes[each.maker].name}` : `leaf:${each.name}`)}
      >
        {each.name}
      </button>{" "}
      <small>
        {each.dtype}
        {each.shape}
        {each.role > 1 && isWord(role) ? ` · ${say(language, role)}` : ""}
      </small>
    </h3>
  );
}
export function TensorCard({ graph, language, choose, index, title }: Given & { index: number; title: string }) {
  const each = graph.tensors[index],
    word = (name: Parameters<typeof say>[1]): string => say(language, name);
  const parts = each.readers.flatMap((reader) =>
    graph.nodes[reader].inputs.flatMap((one, at) =>
      one === index && graph.nodes[reader].sent[at] >= 0 ? [{ reader, at, array: graph.nodes[reader].sent[at] }] : [],
    ),
  );
  return (
    <section>
      <TensorHead graph={graph} choose={choose} language={language} tensor={index} title={title} />
      <Part label={word("value")}>
        {each.value >= 0 ? (
          <ArrayView model={graph.model} array={each.value} name={`${each.name}: ${word("value")}`} />
        ) : (
          <span class="facts">{word("noValue")}</span>
        )}
      </Part>
      {each.gradient >= 0 && (
        <Part label={word("itsGradient")}>
          <ArrayView model={graph.model} array={each.gradient} name={`${each.name}: ${word("itsGradient")}`} />
        </Part>
      )}
      {parts.length > 1 && (
        <section>
          <h3>{word("contributions")}</h3>
          {parts.map(({ reader, at, array }) => (
            <Part key={`${reader}:${at}`} label={graph.nodes[reader].name}>
              <ArrayView model={graph.model} array={array} name={graph.nodes[reader].name} />
            </Part>
          ))}
          <Part label={word("together")}>
            <ArrayView model={graph.model} array={each.gradient} name={word("together")} />
          </Part>
        </section>
      )}
    </section>
  );
}
/** The way from a tensor to the loss as a product of factors, each with its gain on a log bar. */
export function PathCard({ graph, language, choose, tensor }: Given & { tensor: number }) {
  const all = factors(graph, graph.pathToLoss(tensor)),
    product = all.reduce((sum, each) => sum * each.gain, 1);
  if (!all.length) return null;
  const most = Math.max(...all.map((each) => Math.abs(Math.log10(Math.abs(each.gain)))).filter(Number.isFinite), 1);
  return (
    <section class="path">
      <h3>
        {say(language, "path")} <small>{say(language, "gain")}</small>
      </h3>
      <table>
        <tbody>
          {all.map((each) => {
            const log = Math.log10(Math.abs(each.gain)),
              share = Number.isFinite(log) ? Math.min(1, Math.abs(log) / most) * 50 : 50;
            return (
              <tr key={each.node}>
                <td>
                  <button class="link" onClick={() => choose(`node:${graph.nodes[each.node].name}`)}>
                    {graph.nodes[each.node].name}
                  </button>
                </td>
                <td class="number">{format(each.gain)}</td>
                <td class="gain">
                  <i
                    class={log < 0 ? "low" : "high"}
                    style={{ left: `${log < 0 ? 50 - share : 50}%`, width: `${share}%` }}
                  />
                </td>
              </tr>
            );
          })}
          <tr>
            <th scope="row">{say(language, "product")}</th>
            <td class="number">{format(product)}</td>
            <td />
          </tr>
        </tbody>
      </table>
    </section>
  );
}
