/** A code that somebody types at another address to sign in there. */
import { Link, makeStyles, tokens } from "@fluentui/react-components";
import { CopyButton } from "../copy-button.tsx";
import { Line } from "./line.tsx";

const useStyles = makeStyles({
  code: {
    fontFamily: tokens.fontFamilyMonospace,
    fontSize: tokens.fontSizeHero800,
    lineHeight: tokens.lineHeightHero800,
    letterSpacing: "0.1em",
    overflowWrap: "anywhere",
  },
});

/** The code, to be copied, and the address; `label` is what is heard of it. */
export function SignInCode(props: { label: string; code: string; address: string; copy?: string }) {
  const { label, code, address, copy } = props;
  return (
    <>
      <Line>
        <output className={useStyles().code} aria-label={label}>
          {code}
        </output>
        <CopyButton text={() => code} {...(copy !== undefined && { label: copy })} />
      </Line>
      <div>
        <Link href={address} target="_blank" rel="noreferrer">
          {address}
        </Link>
      </div>
    </>
  );
}
