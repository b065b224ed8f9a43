/** The overview. */
import { PageFrame } from "../page/page.tsx";
export const Page = () => <PageFrame title="Overview">.</PageFrame>;
